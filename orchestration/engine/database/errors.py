"""What an error of the database means, by its SQLSTATE: a conflict is tried again at once, an outage is waited for.

An error without a SQLSTATE (the connection broke off) is neither: the server may be away, or may have ended the connection
of somebody who kept a transaction open and idle. Whether the next statement gets through tells which.
"""

from __future__ import annotations

from django.db import DataError, IntegrityError, InterfaceError, OperationalError, ProgrammingError
from django.db import Error as DatabaseError

CONFLICTS = frozenset({"40001", "40P01"})
"""Serialization failure and deadlock: this transaction gave way to another one; nothing of it has happened."""

NOT_PREPARED_HERE = frozenset({"26000", "42P05"})
"""There is no statement of that name, or there is one already: another process of the server has answered than before."""

LOCK_NOT_AVAILABLE = "55P03"
"""Somebody has held a lock for longer than `lock_timeout`."""

_CONNECTION_ENDED = frozenset(
    {
        "57P01",  # the server stops, or somebody has ended this connection
        "57P02",
        "57P03",  # the server is starting, or recovers
    }
)

OUTAGES = _CONNECTION_ENDED | frozenset(
    {
        "25006",  # read-only: a server that is being failed over, or is held back by its operators
        "53000",
        "53100",  # no room on the disk
        "53200",  # no memory
        "53300",  # no connection left
        LOCK_NOT_AVAILABLE,
        "58000",
        "58030",  # input or output failed
    }
)
"""The database cannot do it now, whoever asks: the same statement is right, and comes again later."""


def sqlstate(error: BaseException) -> str:
    """The SQLSTATE that PostgreSQL gave an error of Django's, or of the driver; empty where there is none."""
    for each in (error, error.__cause__):
        code = getattr(each, "pgcode", None) or getattr(each, "sqlstate", None)
        if isinstance(code, str):
            return code
    return ""


def is_conflict(error: BaseException) -> bool:
    """Whether the same transaction, begun anew with a fresh read, is likely to succeed at once."""
    return isinstance(error, DatabaseError) and sqlstate(error) in CONFLICTS | NOT_PREPARED_HERE


def may_have_committed(error: BaseException) -> bool:
    """Whether the transaction in which this came may be committed all the same: the connection is gone, perhaps with the answer."""
    if not isinstance(error, DatabaseError) or isinstance(
        error, IntegrityError | DataError | ProgrammingError
    ):
        return False
    state = sqlstate(error)
    return not state or state[:2] == "08" or state in _CONNECTION_ENDED


def is_pooled(error: BaseException) -> bool:
    """Whether a pooler in transaction mode has given this statement to another connection than the one before."""
    return isinstance(error, DatabaseError) and sqlstate(error) in NOT_PREPARED_HERE


def is_unavailable(error: BaseException | None) -> bool:
    """Whether a request that failed so may come again as it is: for HTTP, 503 and not 500."""
    if error is None:
        return False
    return isinstance(error, OperationalError | InterfaceError) or is_outage(error) or is_pooled(error)


def is_outage(error: BaseException) -> bool:
    """Whether the database has said that it cannot serve anybody with this at the moment."""
    return isinstance(error, DatabaseError) and sqlstate(error) in OUTAGES
