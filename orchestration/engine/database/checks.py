"""`manage.py check`: whether the engine's database is one in which it can decide. What the server itself says is asked with `--database`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from orchestration.conf import are_sound
from orchestration.engine.database.connection import alias

_ON = re.compile(r"(?:default_)?transaction_read_only\s*=\s*'?(?:on|true|yes|1)\b", re.IGNORECASE)


@register("orchestration")
def check_database(**_: Any) -> list[CheckMessage]:
    """What the settings say of it."""
    if not are_sound():
        return []
    name = alias()
    if name not in connections.settings:
        return [
            _error(
                "E304",
                f"ORCHESTRATION['DATABASE'] is {name!r}, which DATABASES does not have.",
                f"Name one of {', '.join(sorted(connections.settings))}.",
            )
        ]
    wrapper = connections[name]
    if wrapper.vendor != "postgresql":
        return [
            _error(
                "E304",
                f"The database {name!r} is {wrapper.display_name}; the engine's statements need PostgreSQL.",
                "Use django.db.backends.postgresql, or name another database in ORCHESTRATION['DATABASE'].",
            )
        ]
    return list(_settings_of(name, wrapper))


def _settings_of(name: str, wrapper: BaseDatabaseWrapper) -> Iterator[CheckMessage]:
    options = wrapper.settings_dict.get("OPTIONS") or {}
    if options.get("server_side_binding"):
        yield _error(
            "E305",
            f"The database {name!r} binds on the server (server_side_binding), where the engine's prepared statements take no parameters.",
            "Remove server_side_binding from its OPTIONS, or give the engine an alias of its own without it.",
        )
    if not wrapper.settings_dict.get("AUTOCOMMIT", True):
        yield _error(
            "E308",
            f"The database {name!r} has AUTOCOMMIT off: a claim would not be committed before its step acts, nor anything that is "
            "sent be written first.",
            "Remove AUTOCOMMIT from its settings, or give the engine an alias of its own with it.",
        )
    if _ON.search(str(options.get("options", ""))):
        yield _read_only(name, "its OPTIONS say so")


@register("orchestration", Tags.database)
def check_server(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """What the server says: that the engine may write there. Of a role or a replica no setting tells."""
    name = alias() if are_sound() else ""
    if name not in (databases or ()) or connections[name].vendor != "postgresql":
        return []
    with connections[name].cursor() as cursor:
        cursor.execute("SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only')::bool")
        follows, read_only = cursor.fetchone()
    if follows:
        return [_read_only(name, "it is a replica, which follows another server")]
    return [_read_only(name, "its role or the server says so")] if read_only else []


def _read_only(name: str, why: str) -> Error:
    return _error(
        "E309",
        f"Transactions in the database {name!r} are read-only ({why}): no saga could be started, and no step recorded.",
        "Name the primary in ORCHESTRATION['DATABASE'], and take default_transaction_read_only from it.",
    )


def _error(code: str, what: str, hint: str) -> Error:
    return Error(what, hint=hint, id=f"orchestration.{code}")
