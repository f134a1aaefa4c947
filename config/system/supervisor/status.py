"""`manage.py status`: addresses, process ids and roles of what runs on a data folder; `--json` for programs."""

from __future__ import annotations

import argparse
import json
from typing import Any

from config.system.boot.paths import DataFolder
from config.system.supervisor.record import SystemRecord, has_supervisor, is_alive, read_record

_NOT_RUNNING = 3
"""The exit status that init scripts give for it."""


def status(arguments: list[str], folder: DataFolder) -> int:
    """Print what runs; return 0 where a system runs or starts, else 3."""
    parser = argparse.ArgumentParser(
        prog="manage.py status", description="Tell what runs, where, as which process."
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    chosen = parser.parse_args(arguments)
    answer = describe(folder)
    print(json.dumps(answer, indent=2) if chosen.json else _in_words(answer, folder))  # noqa: T201 - what is asked for
    return _NOT_RUNNING if answer["state"] == "stopped" else 0


def describe(folder: DataFolder) -> dict[str, Any]:
    """Return `state` (running, starting, stopping, stopped), `data_dir`, `addresses` and `processes`."""
    record = read_record(folder) if has_supervisor(folder) else None
    if record is None:
        record = SystemRecord(run_id="", state="stopped")
    return {
        "state": record.state,
        "data_dir": str(folder.root),
        "secrets_file": str(folder.secrets),
        "addresses": record.addresses,
        "processes": [
            {"role": p.role, "name": p.name, "pid": p.pid, "started": p.started, "restarts": p.restarts}
            for p in record.processes
            if is_alive(p)
        ],
    }


def _in_words(answer: dict[str, Any], folder: DataFolder) -> str:
    if answer["state"] == "stopped":
        return f"Nothing runs on {folder.root}. Start it: {folder.command('up')}"
    lines = [f"Orderly is {answer['state']} on {answer['data_dir']}", ""]
    lines += [f"  {name.replace('_', ' '):<12}{address}" for name, address in answer["addresses"].items()]
    lines += ["", f"  {'role':<12}{'name':<12}{'process':>8}{'restarts':>10}"]
    lines += [
        f"  {process['role']:<12}{process['name']:<12}{process['pid']:>8}{process['restarts']:>10}"
        for process in answer["processes"]
    ]
    return "\n".join(lines)
