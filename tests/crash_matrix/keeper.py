"""Keeps the processes of a run alive, each with a log file of its own, and remembers how every one that died has died."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from config.system.boot.paths import PROJECT
from config.system.boot.progress import Refusal
from config.system.servers.process import launch_command, wait_until
from config.system.supervisor.programs import Program


@dataclass(slots=True)
class Kept:
    """One program and the process that runs it now."""

    program: Program
    process: subprocess.Popen[bytes]
    log: Path


class Keeper:
    """Starts programs, and starts again what has died. `tend` belongs to the main thread: children are tied to it."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.folder = folder
        self._environment = environment
        self._kept: list[Kept] = []
        self.ended: dict[int, int] = {}
        """Process id -> exit status (negative: the signal), of every program's process that has ended."""

    def start(self, programs: list[Program]) -> None:
        """Start programs, and keep them running from now on."""
        for program in programs:
            log = self.folder / f"{program.name}.log"
            self._kept.append(Kept(program, self._spawn(program, log), log))

    def wait_until_ready(self, *, seconds: float) -> None:
        """Wait until every program does its work.

        Raises:
            Refusal: one does not; its last lines say why.
        """
        for kept in self._kept:
            if not wait_until(kept.program.is_ready, seconds=seconds, interval=0.05):
                raise Refusal(f"{kept.program.name} did not start:\n{kept.log.read_text()[-3000:]}")

    def tend(self) -> None:
        """Start again what has died; what it had started dies with it first."""
        for kept in self._kept:
            if (status := _ended(kept.process)) is None:
                continue
            _end_group(kept.process.pid)
            kept.process.wait()
            self.ended[kept.process.pid] = status
            kept.process = self._spawn(kept.program, kept.log)

    def pids(self) -> dict[str, int]:
        """The programs by name, with the process that each runs as now."""
        return {kept.program.name: kept.process.pid for kept in self._kept}

    def is_ready(self, name: str) -> bool:
        """Whether a program does its work."""
        return all(kept.program.is_ready() for kept in self._kept if kept.program.name == name)

    def logs(self) -> str:
        """Everything every process has said."""
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log")))

    def stop(self) -> None:
        """End every process and whatever it has started, frozen ones too."""
        for kept in self._kept:
            with contextlib.suppress(ProcessLookupError):
                os.kill(kept.process.pid, signal.SIGTERM)
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline and any(_ended(kept.process) is None for kept in self._kept):
            time.sleep(0.02)
        for kept in self._kept:
            _end_group(kept.process.pid)
            kept.process.wait()

    def _spawn(self, program: Program, log: Path) -> subprocess.Popen[bytes]:
        with log.open("ab") as out:
            return subprocess.Popen(
                launch_command(program.command, account=None, death_signal=signal.SIGKILL),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=PROJECT,
                env={**os.environ, **self._environment, **program.environment, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )


def _ended(process: subprocess.Popen[bytes]) -> int | None:
    """The exit status of our child, left unburied: its group's number stays its own until we have ended the group."""
    try:
        found = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return process.returncode or 0
    if found is None:
        return None
    return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status


def _end_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
