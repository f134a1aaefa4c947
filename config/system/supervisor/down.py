"""`manage.py down`: stops the `up` that runs on a data folder, as Ctrl-C in its terminal would."""

from __future__ import annotations

import argparse
import os
import signal

from config.system.boot.paths import DataFolder
from config.system.boot.progress import Refusal, say
from config.system.servers.process import wait_until
from config.system.supervisor.record import has_supervisor, is_alive, read_record


def down(arguments: list[str], folder: DataFolder) -> int:
    """Stop the system and wait until it has; return 0, also where nothing ran."""
    argparse.ArgumentParser(prog="manage.py down", description="Stop the running system.").parse_args(
        arguments
    )
    record = read_record(folder)
    supervisor = next((p for p in record.processes if p.role == "supervisor"), None) if record else None
    if not has_supervisor(folder) or supervisor is None or not is_alive(supervisor):
        say(f"nothing runs on {folder.root}")
        return 0
    os.kill(supervisor.pid, signal.SIGTERM)
    if not wait_until(lambda: not has_supervisor(folder), seconds=15, interval=0.1):
        raise Refusal(f"process {supervisor.pid} has not ended within 15 s; look at its terminal.")
    say("stopped")
    return 0
