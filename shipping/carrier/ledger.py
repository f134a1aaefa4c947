"""The carrier's ledger file: every call, every label, every dispatch that is due or told.

Calls and labels are never changed or deleted. A dispatch stays due until the shop has answered 2xx, also over a restart.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, operation TEXT NOT NULL, idempotency_key TEXT,
    order_id TEXT, status INTEGER NOT NULL, made_effect INTEGER NOT NULL CHECK (made_effect IN (0, 1))
);
CREATE INDEX IF NOT EXISTS calls_by_key ON calls (idempotency_key, operation);
CREATE TABLE IF NOT EXISTS labels (
    id TEXT PRIMARY KEY, at REAL NOT NULL, idempotency_key TEXT NOT NULL UNIQUE, order_id TEXT NOT NULL,
    tracking TEXT NOT NULL UNIQUE, service TEXT NOT NULL, request TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS refused_keys (idempotency_key TEXT PRIMARY KEY, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS dispatches (
    label_id TEXT PRIMARY KEY REFERENCES labels (id), event_id TEXT NOT NULL UNIQUE, order_id TEXT NOT NULL,
    leaves_at REAL NOT NULL, next_at REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, told_at REAL
);
CREATE INDEX IF NOT EXISTS dispatches_due ON dispatches (next_at) WHERE told_at IS NULL;
"""

LISTED = """
SELECT labels.id, labels.order_id, labels.idempotency_key,
       CASE WHEN dispatches.told_at IS NOT NULL THEN dispatches.event_id END AS told_event
  FROM labels LEFT JOIN dispatches ON dispatches.label_id = labels.id
 WHERE labels.at >= ? ORDER BY labels.at
"""
"""Every parcel since a moment, and by which event it was told that it has left."""

_APPEND_ONLY = """
CREATE TRIGGER IF NOT EXISTS {table}_no_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
"""


class Ledger:
    """The file, over one connection behind one lock. Every public method is one durable transaction."""

    def __init__(self, path: Path | str) -> None:
        self._lock, self._path = threading.RLock(), str(path)
        self._db = sqlite3.connect(str(path), isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA busy_timeout = 5000")
        self._db.execute("PRAGMA journal_mode = WAL")
        # FULL: a label that was answered must survive a power cut.
        self._db.execute("PRAGMA synchronous = FULL")
        triggers = "".join(
            _APPEND_ONLY.format(table=table, verb=verb)
            for table in ("calls", "labels", "refused_keys")
            for verb in ("UPDATE", "DELETE")
        )
        self._db.executescript(SCHEMA + triggers)

    @contextmanager
    def entry(self) -> Iterator[None]:
        """One transaction, alone; may be nested."""
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file, once what is being written is done."""
        with self._lock:
            self._db.close()

    def add_call(
        self, *, operation: str, key: str | None, order_id: str | None, status: int, made_effect: bool
    ) -> None:
        """Note that somebody called, whatever came of it."""
        with self.entry():
            self._db.execute(
                "INSERT INTO calls (at, operation, idempotency_key, order_id, status, made_effect)"
                " VALUES (?,?,?,?,?,?)",
                (time.time(), operation, key, order_id, status, int(made_effect)),
            )

    def count_calls(self, *, operation: str, key: str) -> int:
        """How often this key was used for this operation before."""
        return len(
            self._rows("SELECT 1 FROM calls WHERE idempotency_key = ? AND operation = ?", key, operation)
        )

    def add_label(self, *, leaves_at: float, event_id: str, **values: str) -> None:
        """Write a label together with its dispatch, so that no label is ever forgotten."""
        with self.entry():
            self._db.execute(
                "INSERT INTO labels (id, at, idempotency_key, order_id, tracking, service, request)"
                " VALUES (:id, :at, :idempotency_key, :order_id, :tracking, :service, :request)",
                values | {"at": time.time()},
            )
            self._db.execute(
                "INSERT INTO dispatches (label_id, event_id, order_id, leaves_at, next_at) VALUES (?,?,?,?,?)",
                (values["id"], event_id, values["order_id"], leaves_at, leaves_at),
            )

    def label(self, key: str) -> dict[str, Any] | None:
        """The label made under this key."""
        return next(iter(self._rows("SELECT * FROM labels WHERE idempotency_key = ?", key)), None)

    def refuse_key(self, key: str) -> None:
        """From now on no label is made under this key."""
        with self.entry():
            self._db.execute("INSERT OR IGNORE INTO refused_keys VALUES (?, ?)", (key, time.time()))

    def is_refused(self, key: str) -> bool:
        """Whether this key was cancelled."""
        return bool(self._rows("SELECT 1 FROM refused_keys WHERE idempotency_key = ?", key))

    def listed(self, since: float) -> list[dict[str, Any]]:
        """Every parcel since that moment (seconds since 1970), oldest first.

        Raises:
            FileNotFoundError: the file was removed; what this connection still shows is nobody's ledger.
        """
        if self._path != ":memory:" and not Path(self._path).is_file():
            raise FileNotFoundError(f"no ledger at {self._path}")
        return self._rows(LISTED, since)

    def due_dispatches(self, *, now: float, limit: int) -> list[dict[str, Any]]:
        """Dispatches to be told now, the longest due first."""
        return self._rows(
            "SELECT * FROM dispatches WHERE told_at IS NULL AND next_at <= ? ORDER BY next_at LIMIT ?",
            now,
            limit,
        )

    def next_dispatch_at(self) -> float | None:
        """When the next dispatch is due, as seconds since 1970."""
        found: float | None = self._rows("SELECT min(next_at) AS at FROM dispatches WHERE told_at IS NULL")[
            0
        ]["at"]
        return found

    def dispatch_told(self, label_id: str) -> None:
        """The shop has heard of it."""
        with self.entry():
            self._db.execute(
                "UPDATE dispatches SET told_at = ?, attempts = attempts + 1 WHERE label_id = ?",
                (time.time(), label_id),
            )

    def dispatch_failed(self, label_id: str, *, next_at: float) -> None:
        """The shop has not heard of it: tell it again at that time."""
        with self.entry():
            self._db.execute(
                "UPDATE dispatches SET next_at = ?, attempts = attempts + 1 WHERE label_id = ?",
                (next_at, label_id),
            )

    def summary(self) -> dict[str, int]:
        """Counts, for people and tests."""
        return self._rows(
            "SELECT (SELECT count(*) FROM calls) AS calls, (SELECT count(*) FROM labels) AS labels,"
            " (SELECT count(*) FROM dispatches WHERE told_at IS NOT NULL) AS told,"
            " (SELECT count(*) FROM dispatches WHERE told_at IS NULL) AS untold"
        )[0]

    def _rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        with self._lock:
            return [dict(row) for row in self._db.execute(sql, parameters)]
