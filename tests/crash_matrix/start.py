"""Starts the command `crash_matrix` in a world of its own."""

from __future__ import annotations

from config.system.boot.paths import DataFolder
from tests.apart import run_command


def run(argv: list[str], named: DataFolder | None) -> int:
    """Run the command line and return its exit status.

    Raises:
        Refusal: the named folder is in use, or a server that the environment names cannot be used.
    """
    return run_command("crash_matrix", argv, named)
