"""One server process: started as the servers' account, in a session of its own, tied to our life or left to itself."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from config.system.servers.account import Account

_LAUNCH = str(Path(__file__).with_name("launch.py"))


def launch_command(command: list[str], *, account: Account | None, death_signal: int | None) -> list[str]:
    """Return `command` wrapped so that it runs as `account` and gets `death_signal` when this process ends."""
    wrapped = [sys.executable, "-I", "-S", _LAUNCH]
    if account is not None:
        wrapped += ["--account", f"{account.uid}:{account.gid}"]
    if death_signal is not None:
        wrapped += ["--parent", str(os.getpid()), "--signal", str(int(death_signal))]
    return [*wrapped, "--", *command]


def start_server(
    command: list[str], *, account: Account | None, death_signal: int | None, log: Path, cwd: Path
) -> subprocess.Popen[bytes]:
    """Start a server that writes to `log`. Its own session keeps a terminal's Ctrl-C from it: we stop it in order."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    with log.open("ab") as out:
        return subprocess.Popen(
            launch_command(command, account=account, death_signal=death_signal),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=cwd,
            env={**environment, "LC_ALL": "C"},
        )


def wait_until(condition: Callable[[], bool], *, seconds: float, interval: float = 0.02) -> bool:
    """Return whether `condition` came true within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(interval)
    return True


def last_lines(log: Path, count: int = 8) -> str:
    """Return the end of a log, for a message to a person."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-count:])
    except OSError:
        return ""
