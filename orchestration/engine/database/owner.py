"""The owner of the tables: a second role for the same database, which changes tables and removes what is old. Nothing else is done as it.

A project names it as an alias of its own in `DATABASES` (`owner`, or what `ORCHESTRATION = {"OWNER_DATABASE": ...}` says). Where there is
none, one role does everything. It is a login, and never another database.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections
from django.db.transaction import TransactionManagementError

from orchestration.conf import engine_settings
from orchestration.engine.database.connection import alias

_WHOSE = ("ENGINE", "HOST", "PORT", "USER")


def owner_alias() -> str:
    """The key in `DATABASES` by which the owner is reached; that of the engine's database, where there is no other."""
    chosen = engine_settings().OWNER_DATABASE
    return chosen if chosen in connections.settings else alias()


def has_owner() -> bool:
    """Return whether the owner is somebody else than the role that the application works as."""
    ours, theirs = connections.settings[alias()], connections.settings[owner_alias()]
    return any(ours[name] != theirs[name] for name in _WHOSE)


def is_owner_at_work() -> bool:
    """Return whether this thread is within `as_owner`, as somebody else than usual."""
    return connections[alias()].settings_dict is not connections.settings[alias()]


@contextmanager
def as_owner() -> Iterator[None]:
    """Within it the engine's database is reached as its owner: by this thread, under the alias it always has, whoever asks.

    Raises:
        TransactionManagementError: a transaction is open, which could not be the owner's.
    """
    if not has_owner():
        yield
        return
    here = alias()
    usual = connections[here]
    if usual.in_atomic_block:
        raise TransactionManagementError(
            "the owner's work begins with no transaction open: a transaction belongs to one role"
        )
    acting = connections.create_connection(owner_alias())
    acting.alias = here
    # The database that is in use: a test's has another name than the settings said, and must not lead to the real one.
    acting.settings_dict = {**acting.settings_dict, "NAME": usual.settings_dict["NAME"]}
    connections[here] = acting
    try:
        yield
    finally:
        connections[here] = usual
        acting.close()
