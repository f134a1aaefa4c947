"""The connection to PostgreSQL, and how long the server waits for whoever holds it up.

The timeouts travel with each connection, so they hold on a server of your own without a role being changed. What an
address says itself (`?options=...`) counts more; 0 leaves a timeout to the server. Behind a pooler in transaction mode
(`ORDERLY_POOLED`) a connection takes nothing along and keeps nothing: no options, no cursors, no prepared statements.
"""

from __future__ import annotations

import os
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from config.settings.environment import flag, required, whole_number

_TIMEOUTS = {
    # A process that is frozen, or code that forgot its transaction, would hold rows and keep dead ones from being removed.
    "idle_in_transaction_session_timeout": ("ORDERLY_IDLE_IN_TRANSACTION_SECONDS", 60),
    # Whoever waits for a row holds a thread or a pool process meanwhile.
    "lock_timeout": ("ORDERLY_LOCK_SECONDS", 10),
    # Off but for the web server, which the supervisor tells otherwise: a report or a migration may take its time.
    "statement_timeout": ("ORDERLY_STATEMENT_SECONDS", 0),
}
# A host that is cut off is not there to end its transactions, and the server would keep their locks for hours.
_KEEPALIVES = ["-c tcp_keepalives_idle=10", "-c tcp_keepalives_interval=5", "-c tcp_keepalives_count=3"]


def databases() -> dict[str, dict[str, Any]]:
    """Return Django's entries: `default` for the application, and `owner` for `migrate` and `prune`, which may be the same role.

    Raises:
        ImproperlyConfigured: there is no DATABASE_URL, the two name different databases, or a timeout is none.
    """
    application = required("DATABASE_URL", "postgres://user:password@host:port/name")
    found = {
        "default": _entry(application),
        "owner": _entry(os.environ.get("ORDERLY_OWNER_DATABASE_URL") or application),
    }
    if found["default"]["NAME"] != found["owner"]["NAME"]:
        raise ImproperlyConfigured(
            f"ORDERLY_OWNER_DATABASE_URL leads to the database {found['owner']['NAME']!r}, DATABASE_URL to {found['default']['NAME']!r}: "
            "they are two roles of one database."
        )
    return found


def _entry(url: str) -> dict[str, Any]:
    found: dict[str, Any] = dict(
        dj_database_url.parse(
            url,
            conn_max_age=whole_number("ORDERLY_CONN_MAX_AGE", 60),
            conn_health_checks=True,
        )
    )
    chosen = _chosen()
    if flag("ORDERLY_POOLED"):
        return {**found, "DISABLE_SERVER_SIDE_CURSORS": True}
    options = found.setdefault("OPTIONS", {})
    words = [f"-c {name}={seconds}s" for name, seconds in chosen.items() if seconds]
    if words:
        words += _KEEPALIVES
        options["options"] = " ".join([*words, *([options["options"]] if options.get("options") else [])])
    return found


def _chosen() -> dict[str, int]:
    chosen = {name: whole_number(variable, default) for name, (variable, default) in _TIMEOUTS.items()}
    for name, (variable, _) in _TIMEOUTS.items():
        if chosen[name] < 0:
            raise ImproperlyConfigured(f"{variable} must be a number of seconds from 0, not {chosen[name]}.")
    return chosen
