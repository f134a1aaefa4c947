"""Runs one of Django's commands with this data folder's servers: found running, or started for it and stopped after it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from config.boot.paths import DataFolder
from config.servers.embedded import EmbeddedServers

_WITHOUT_SERVERS = {
    "help", "version", "--version", "check", "collectstatic", "compilemessages", "makemessages", "diffsettings",
    "findstatic", "startapp", "startproject",
}  # fmt: skip


def run_django(argv: list[str], folder: DataFolder) -> int:
    """Run `argv` as `django-admin` would and return its exit status."""
    servers = EmbeddedServers(folder)
    reads_only_code = argv[1] if len(argv) > 1 else "help"
    if (reads_only_code in _WITHOUT_SERVERS and "--database" not in argv) or {"-h", "--help"} & set(argv):
        os.environ.update(servers.environment())
        return execute(argv)
    servers.start(tied=False)
    try:
        os.environ.update(servers.environment())
        return execute(argv)
    finally:
        servers.leave()


def execute(argv: list[str]) -> int:
    """Run `argv` as `django-admin` would, on the servers that the environment names, and return its exit status."""
    from django.core.management import execute_from_command_line

    return status_of(lambda: execute_from_command_line(argv))


def status_of(act: Callable[[], None]) -> int:
    """Call `act`, which may end the process, and return the exit status it would have."""
    try:
        act()
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(end.code + "\n")
            return 1
        return end.code or 0
    return 0
