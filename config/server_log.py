"""What the database server writes into its own log when it refuses a statement: `check --deploy` says so where that is values of rows.

A refused statement holds what it was to write, and the detail of a broken constraint holds the row: names, addresses, tokens of cards.
The server that `up` starts tells neither. One of your own tells both, unless its administrator says otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core import checks
from django.db import connections

from orchestration.engine.database.connection import alias

WANTED = {"log_error_verbosity": "terse", "log_min_error_statement": "panic"}
_AND_ABOVE = {"log_min_error_statement": ("panic", "fatal")}


def loose(cursor: Any) -> list[str]:
    """Return which of the settings in force for this session let values of rows into the server's log."""
    found = []
    for name, wanted in WANTED.items():
        cursor.execute("SELECT current_setting(%s)", [name])
        if cursor.fetchone()[0] not in _AND_ABOVE.get(name, (wanted,)):
            found.append(name)
    return found


@checks.register(checks.Tags.security, checks.Tags.database, deploy=True)
def values_in_the_servers_log(databases: Sequence[str] | None = None, **_: Any) -> list[checks.CheckMessage]:
    """Ask the database, where it is named."""
    if alias() not in (databases or ()):
        return []
    with connections[alias()].cursor() as cursor:
        names = loose(cursor)
    return [
        checks.Warning(
            f"The database server writes values of rows into its log when it refuses a statement: {name} is not {WANTED[name]}.",
            hint='As its administrator, for each of our roles: docs/operations.md, "The log of a server of your own".',
            id="config.W004",
        )
        for name in names
    ]
