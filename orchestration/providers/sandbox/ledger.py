"""A sandbox's ledger file: every call, every answer, and its effects in tables of its own. What is in it is never changed or deleted.

One connection behind one lock: calls act one after the other, so two calls with one key cannot both find it unused.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, ClassVar

from orchestration.providers.listing import NoLedger
from orchestration.providers.sandbox.answers import Answer

_SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, operation TEXT NOT NULL, idempotency_key TEXT,
    {subject} TEXT, status INTEGER NOT NULL, made_effect INTEGER NOT NULL CHECK (made_effect IN (0, 1))
);
CREATE INDEX IF NOT EXISTS calls_by_key ON calls (idempotency_key, operation);
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
    """The base of a ledger. A subclass states its tables and writes its effects; every method is one durable transaction."""

    subject: ClassVar[str] = "business_key"
    """The field of requests and effects that says whose a call is; a column of `calls` has this name."""
    schema: ClassVar[str]
    """SQL that makes the tables of the effects where they are missing. The database keeps the promises: a unique key."""
    append_only: ClassVar[tuple[str, ...]]
    """Those of them whose rows are never changed or deleted."""
    listed_sql: ClassVar[str]
    """Selects the effects since a moment (the only parameter, seconds since 1970), the oldest first."""

    def __init__(self, path: Path | str) -> None:
        self._lock, self._path = threading.RLock(), str(path)
        self._db = sqlite3.connect(str(path), isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA busy_timeout = 5000")
        self._db.execute("PRAGMA journal_mode = WAL")
        # FULL: an effect that was answered must survive a power cut, or the ledger would lie.
        self._db.execute("PRAGMA synchronous = FULL")
        triggers = "".join(
            _APPEND_ONLY.format(table=table, verb=verb)
            for table in ("calls", "answers", "refused_keys", *self.append_only)
            for verb in ("UPDATE", "DELETE")
        )
        self._db.executescript(_SCHEMA.format(subject=self.subject) + self.schema + triggers)

    @classmethod
    def listed_in(cls, path: Path, since: float) -> list[dict[str, Any]]:
        """Return the effects in a file, which is opened to read only: they can be compared while the sandbox is down.

        Raises:
            NoLedger: there is no such file.
        """
        if not path.is_file():
            raise NoLedger(f"no ledger at {path}")
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=5)) as ledger:
            ledger.row_factory = sqlite3.Row
            return [dict(row) for row in ledger.execute(cls.listed_sql, (since,))]

    def listed(self, since: float) -> list[dict[str, Any]]:
        """Return all effects since that moment.

        Raises:
            NoLedger: the file was removed; what this connection still shows is nobody's ledger.
        """
        if self._path != ":memory:" and not Path(self._path).is_file():
            raise NoLedger(f"no ledger at {self._path}")
        return self.rows(self.listed_sql, since)

    @contextmanager
    def entry(self) -> Iterator[None]:
        """One transaction, alone: everything inside is written together or not at all. May be nested."""
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

    def rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        """Return what a query finds."""
        with self._lock:
            return [dict(row) for row in self._db.execute(sql, parameters)]

    def write(self, sql: str, *parameters: Any) -> None:
        """Execute one statement."""
        with self.entry():
            self._db.execute(sql, parameters)

    def insert(self, table: str, values: Mapping[str, Any]) -> None:
        """Write one row."""
        columns, marks = ", ".join(values), ", ".join("?" * len(values))
        self.write(f"INSERT INTO {table} ({columns}) VALUES ({marks})", *values.values())  # noqa: S608 - our names

    def close(self) -> None:
        """Close the file, once what is being written is done."""
        with self._lock:
            self._db.close()

    def add_call(
        self, operation: str, *, key: str | None, status: int, made_effect: bool = False, subject: Any = None
    ) -> None:
        """Note that somebody called, whatever came of it."""
        self.insert(
            "calls",
            {
                "at": time.time(),
                "operation": operation,
                "idempotency_key": key,
                self.subject: subject if isinstance(subject, str) else None,
                "status": status,
                "made_effect": int(made_effect),
            },
        )

    def count_calls(self, operation: str, *, key: str) -> int:
        """How often this key was used for this operation before."""
        sql = "SELECT 1 FROM calls WHERE idempotency_key = ? AND operation = ?"
        return len(self.rows(sql, key, operation))

    def keep_answer(self, answer: Answer, *, key: str, request: str) -> None:
        """Keep a definite answer, to be given again to the same request under the same key."""
        values = {"idempotency_key": key, "at": time.time(), "request": request, "status": answer.status}
        self.insert("answers", values | {"body": json.dumps(answer.body)})

    def kept_answer(self, key: str) -> tuple[str, Answer] | None:
        """The request and the answer kept under this key."""
        for row in self.rows("SELECT * FROM answers WHERE idempotency_key = ?", key):
            return row["request"], Answer(row["status"], json.loads(row["body"]))
        return None

    def refuse_key(self, key: str) -> None:
        """From now on this key has no effect any more."""
        self.write("INSERT OR IGNORE INTO refused_keys VALUES (?, ?)", key, time.time())

    def is_refused(self, key: str) -> bool:
        """Whether this key was cancelled."""
        return bool(self.rows("SELECT 1 FROM refused_keys WHERE idempotency_key = ?", key))
