"""The gateway's ledger file: every call, every effect, every answer. Nothing in it is ever changed or deleted.

The database keeps the promises: one effect per idempotency key, one capture and one void per authorization. One
connection behind one lock: calls act one after the other, so two calls with one key cannot both find it unused.
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
CREATE TABLE IF NOT EXISTS effects (
    id TEXT PRIMARY KEY, seq INTEGER NOT NULL UNIQUE, at REAL NOT NULL, idempotency_key TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('authorization', 'capture', 'refund', 'void')),
    order_id TEXT NOT NULL, authorization_id TEXT NOT NULL, capture_id TEXT,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0), currency TEXT NOT NULL CHECK (length(currency) = 3),
    card TEXT NOT NULL, expires_at REAL
);
CREATE UNIQUE INDEX IF NOT EXISTS one_capture ON effects (authorization_id) WHERE kind = 'capture';
CREATE UNIQUE INDEX IF NOT EXISTS one_void ON effects (authorization_id) WHERE kind = 'void';
CREATE INDEX IF NOT EXISTS effects_by_authorization ON effects (authorization_id);
CREATE TABLE IF NOT EXISTS answers (
    idempotency_key TEXT PRIMARY KEY, at REAL NOT NULL, request TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS refused_keys (idempotency_key TEXT PRIMARY KEY, at REAL NOT NULL);
"""

_APPEND_ONLY = """
CREATE TRIGGER IF NOT EXISTS {table}_no_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
"""


class Ledger:
    """The file. `with ledger.entry():` is one durable transaction; the other methods belong inside it."""

    def __init__(self, path: Path | str) -> None:
        self._lock, self._path = threading.RLock(), str(path)
        self._db = sqlite3.connect(str(path), isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA busy_timeout = 5000")
        self._db.execute("PRAGMA journal_mode = WAL")
        # FULL: an effect that was answered must survive a power cut, or the ledger would lie about money.
        self._db.execute("PRAGMA synchronous = FULL")
        triggers = "".join(
            _APPEND_ONLY.format(table=table, verb=verb)
            for table in ("calls", "effects", "answers", "refused_keys")
            for verb in ("UPDATE", "DELETE")
        )
        self._db.executescript(SCHEMA + triggers)

    @contextmanager
    def entry(self) -> Iterator[None]:
        """One transaction, alone: everything inside is written together or not at all."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file, once the call that is being written is done."""
        with self._lock:
            self._db.close()

    def add_call(
        self, *, operation: str, key: str | None, order_id: str | None, status: int, made_effect: bool
    ) -> None:
        """Note that somebody called, whatever came of it."""
        self._db.execute(
            "INSERT INTO calls (at, operation, idempotency_key, order_id, status, made_effect) VALUES (?,?,?,?,?,?)",
            (time.time(), operation, key, order_id, status, int(made_effect)),
        )

    def count_calls(self, *, operation: str, key: str) -> int:
        """How often this key was used for this operation before."""
        return self._value(
            "SELECT count(*) FROM calls WHERE idempotency_key = ? AND operation = ?", key, operation
        )

    def add_effect(self, **values: Any) -> dict[str, Any]:
        """Write an effect and return it."""
        values["seq"] = self._value("SELECT coalesce(max(seq), 0) + 1 FROM effects")
        values["at"] = time.time()
        unset = {"capture_id": None, "expires_at": None}
        self._db.execute(
            "INSERT INTO effects (id, seq, at, idempotency_key, kind, order_id, authorization_id, capture_id,"
            " amount_minor, currency, card, expires_at) VALUES (:id, :seq, :at, :idempotency_key, :kind, :order_id,"
            " :authorization_id, :capture_id, :amount_minor, :currency, :card, :expires_at)",
            unset | values,
        )
        return self.effect(id=values["id"]) or {}

    def effect(self, **where: str) -> dict[str, Any] | None:
        """The one effect with these values, or None."""
        return next(iter(self.effects(**where)), None)

    def effects(self, **where: str) -> list[dict[str, Any]]:
        """All effects with these values, oldest first."""
        condition = " AND ".join(f"{column} = ?" for column in where) or "1"
        rows = self._db.execute(
            f"SELECT * FROM effects WHERE {condition} ORDER BY seq",  # noqa: S608 - column names are ours
            tuple(where.values()),
        )
        return [dict(row) for row in rows]

    def listed(self, since: float) -> list[dict[str, Any]]:
        """All effects since that moment (seconds since 1970), oldest first.

        Raises:
            FileNotFoundError: the file was removed; what this connection still shows is nobody's ledger.
        """
        if self._path != ":memory:" and not Path(self._path).is_file():
            raise FileNotFoundError(f"no ledger at {self._path}")
        with self._lock:
            rows = self._db.execute("SELECT * FROM effects WHERE at >= ? ORDER BY seq", (since,))
            return [dict(row) for row in rows]

    def add_answer(self, *, key: str, request: str, status: int, body: str) -> None:
        """Keep a definite answer, to be given again to the same request under the same key."""
        self._db.execute(
            "INSERT INTO answers (idempotency_key, at, request, status, body) VALUES (?,?,?,?,?)",
            (key, time.time(), request, status, body),
        )

    def answer(self, key: str) -> sqlite3.Row | None:
        """The answer kept under this key."""
        row: sqlite3.Row | None = self._db.execute(
            "SELECT * FROM answers WHERE idempotency_key = ?", (key,)
        ).fetchone()
        return row

    def refuse_key(self, key: str) -> None:
        """From now on this key has no effect any more."""
        self._db.execute("INSERT OR IGNORE INTO refused_keys VALUES (?, ?)", (key, time.time()))

    def is_refused(self, key: str) -> bool:
        """Whether this key was cancelled."""
        return bool(self._value("SELECT count(*) FROM refused_keys WHERE idempotency_key = ?", key))

    def summary(self) -> dict[str, Any]:
        """Counts and sums (minor units by currency), for people and tests."""
        kinds = {"authorization": 0, "capture": 0, "refund": 0, "void": 0}
        kinds.update(self._db.execute("SELECT kind, count(*) FROM effects GROUP BY kind").fetchall())
        sums: dict[str, dict[str, int]] = {"capture": {}, "refund": {}}
        for kind, currency, amount in self._db.execute(
            "SELECT kind, currency, sum(amount_minor) FROM effects"
            " WHERE kind IN ('capture', 'refund') GROUP BY kind, currency"
        ):
            sums[kind][currency] = amount
        return {
            "calls": self._value("SELECT count(*) FROM calls"),
            "effects": kinds,
            "captured_minor": sums["capture"],
            "refunded_minor": sums["refund"],
        }

    def _value(self, sql: str, *parameters: str) -> int:
        value: int = self._db.execute(sql, parameters).fetchone()[0]
        return value
