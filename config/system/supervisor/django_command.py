"""Runs one of Django's commands with this data folder's servers: found running, or started for it and stopped after it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from config.system.boot.paths import DataFolder
from config.system.boot.progress import Refusal
from config.system.servers.embedded import EmbeddedServers
from config.system.servers.remembered import recall
from config.system.supervisor.record import has_supervisor

_WITHOUT_SERVERS = {
    "help", "version", "--version", "check", "collectstatic", "compilemessages", "makemessages", "diffsettings",
    "findstatic", "startapp", "startproject",
}  # fmt: skip

_OURS = {"orchestration", "orders", "payments", "shipping", "notifications"}
"""Apps whose commands work on tables."""
_NO_SUCH_TABLE = {"42P01", "42703"}
"""There is no such table, or no such column."""
_MAY_NOT = "42501"
_ASK_THE_OWNER = (
    "the role in DATABASE_URL may not do this. Where it lacks a right, `python3 manage.py migrate` gives it, as the owner"
    " (ORDERLY_OWNER_DATABASE_URL); what only the owner may do, that role has to do"
)
_MIGRATE = (
    "the database has no tables yet, or those of another version. `python3 manage.py up` makes them; so does"
    " `python3 manage.py migrate`. Is it the right data folder (--data-dir) and the right DATABASE_URL?"
)

_AWAY = (
    "the database does not serve this now: it cannot be reached, is starting or stopping, or has no connection left. Look whether it runs"
    " (`python3 manage.py status`, DATABASE_URL), and try again in a moment"
)


def run_django(argv: list[str], folder: DataFolder) -> int:
    """Run `argv` as `django-admin` would and return its exit status."""
    recall(folder)
    servers = EmbeddedServers(folder)
    reads_only_code = argv[1] if len(argv) > 1 else "help"
    if (reads_only_code in _WITHOUT_SERVERS and "--database" not in argv) or {"-h", "--help"} & set(argv):
        os.environ.update(servers.environment())
        return execute(argv)
    servers.start(tied=False, tended=lambda: has_supervisor(folder))
    try:
        os.environ.update(servers.environment())
        return execute(argv)
    finally:
        servers.leave()


def execute(argv: list[str]) -> int:
    """Run `argv` as `django-admin` would, on the servers that the environment names, and return its exit status."""
    from django.core.management import execute_from_command_line
    from django.db.utils import OperationalError, ProgrammingError

    from orchestration.engine.database.errors import is_outage, sqlstate

    try:
        _refuse_without_tables(argv)
        return status_of(lambda: execute_from_command_line(argv))
    except ProgrammingError as error:
        if sqlstate(error) == _MAY_NOT:
            raise Refusal(f"{_ASK_THE_OWNER} ({str(error).strip().splitlines()[0]})") from error
        if sqlstate(error) not in _NO_SUCH_TABLE:
            raise
        raise Refusal(f"{_MIGRATE} ({str(error).strip().splitlines()[0]})") from error
    except OperationalError as error:
        if sqlstate(error) and not is_outage(error):
            raise
        raise Refusal(f"{_AWAY} ({str(error).strip().splitlines()[0]})") from error


def _refuse_without_tables(argv: list[str]) -> None:
    """Tell what to do before a command of ours meets a database without tables: its own words would say nothing of that."""
    import django
    from django.core import management
    from django.db import connection

    name = argv[1] if len(argv) > 1 else "help"
    if name in management.find_commands(management.__path__[0]) or {"-h", "--help", "--version"} & set(argv):
        return
    django.setup()
    if management.get_commands().get(name) not in _OURS:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('orchestration_saga') IS NULL")
        if cursor.fetchone()[0]:
            raise Refusal(_MIGRATE)
    connection.close()


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
