"""What is running on a data folder, written by the supervisor for `status`, `down` and the next start.

A record outlives its writer when that is killed. Whether a supervisor lives is therefore asked of the lock it holds, which
the kernel lets go, and a process is taken for the recorded one only where its start time agrees.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil

from config.system.boot.paths import DataFolder
from config.system.servers.process import wait_until


@dataclass(slots=True)
class ProcessRecord:
    """One process of the system."""

    role: str
    name: str
    pid: int
    started: float
    """Seconds since 1970, as the system tells it: with `pid` it names one process for ever."""
    restarts: int = 0


@dataclass(slots=True)
class SystemRecord:
    """One run of `up`."""

    run_id: str
    """Every process of the run has it in its environment as ORDERLY_RUN_ID."""
    state: str = "starting"
    addresses: dict[str, str] = field(default_factory=dict)
    processes: list[ProcessRecord] = field(default_factory=list)


def started_at(pid: int) -> float | None:
    """Return when process `pid` was started, or None where there is none (a dead one nobody has buried counts as none)."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return process.create_time()
    except psutil.Error:
        return None


def is_alive(process: ProcessRecord) -> bool:
    """Return whether this very process still runs."""
    began = started_at(process.pid)
    return began is not None and abs(began - process.started) < 1


def write_record(folder: DataFolder, record: SystemRecord) -> None:
    """Store `record`, whole or not at all."""
    file = _file(folder)
    unfinished = file.with_suffix(".new")
    unfinished.write_text(json.dumps(asdict(record)))
    unfinished.replace(file)


def read_record(folder: DataFolder) -> SystemRecord | None:
    """Return the last record, of a run that may be over; None where there is none or it is unreadable."""
    try:
        kept: dict[str, Any] = json.loads(_file(folder).read_text())
        processes = [ProcessRecord(**process) for process in kept.pop("processes")]
        return SystemRecord(**kept, processes=processes)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def lock_supervisor(folder: DataFolder) -> IO[str] | None:
    """Return the lock of the one supervisor of this folder, held until closed; None where another holds it."""
    lock = (folder.run / "supervisor.lock").open("a")
    # Commands that only look whether it is held have it for a moment.
    if wait_until(lambda: _locked(lock, fcntl.LOCK_EX), seconds=1):
        return lock
    lock.close()
    return None


def _locked(lock: IO[str], how: int) -> bool:
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def has_supervisor(folder: DataFolder) -> bool:
    """Return whether an `up` runs on this folder."""
    if not os.access(folder.run, os.W_OK):
        return False
    with (folder.run / "supervisor.lock").open("a") as lock:
        return not _locked(lock, fcntl.LOCK_SH)


def _file(folder: DataFolder) -> Path:
    return folder.run / "supervisor.json"
