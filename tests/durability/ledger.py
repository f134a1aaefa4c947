"""The provider of the undo scenarios as a system of its own: an SQLite file that real worker processes act on.

The same face as `tests.durability.provider.Provider`, and one thing more: a call may be kept waiting at the gate, so that
whatever is to happen in the middle of it can.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from orchestration.core.planning.context import StepContext
from orchestration.errors import StepRejected
from tests.durability.provider import complain

_TABLES = """
CREATE TABLE IF NOT EXISTS call (number INTEGER PRIMARY KEY, key TEXT, step TEXT, direction TEXT, kind TEXT);
CREATE TABLE IF NOT EXISTS effect (number INTEGER PRIMARY KEY, key TEXT UNIQUE, step TEXT, direction TEXT);
CREATE TABLE IF NOT EXISTS refused (key TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS trouble (step TEXT, direction TEXT, mode TEXT, PRIMARY KEY (step, direction));
"""
GATE = "wait at the gate"
"""A mode beside those of `complain`: the call waits until the trouble is taken away."""
PATIENCE = 25.0
"""Seconds for which a call waits at the gate; less than a step's timeout."""


class Ledger:
    """Effects by key, calls one by one. Each method is one transaction of the file, so that any process may die in it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        with self._open() as link:
            link.executescript(_TABLES)

    # What a worker asks

    def act(self, context: StepContext) -> str:
        """Take a call: the effect by its key, once. Returns the key."""
        key = context.idempotency_key
        self._note(context, "act")
        complain(self._trouble(context))
        with self._open() as link:
            if link.execute("SELECT 1 FROM refused WHERE key = ?", [key]).fetchone():
                raise StepRejected("that key was cancelled", code="key_refused")
            link.execute(
                "INSERT INTO effect (key, step, direction) VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING",
                [key, context.step, context.direction],
            )
        return key

    def find(self, context: StepContext) -> str | None:
        """Look an effect up by its key."""
        self._note(context, "find")
        return self._known(context.idempotency_key)

    def refuse(self, context: StepContext) -> str | None:
        """Refuse a key from now on; returns the effect if it is too late."""
        with self._open() as link:
            link.execute("INSERT OR IGNORE INTO refused (key) VALUES (?)", [context.idempotency_key])
        return self._known(context.idempotency_key)

    # What a test does and reads

    def trouble(self, step: str, direction: str, mode: str) -> None:
        """Have every call of a step go wrong from now on."""
        with self._open() as link:
            link.execute("INSERT OR REPLACE INTO trouble VALUES (?, ?, ?)", [step, direction, mode])

    def open_gate(self) -> None:
        """Let every call go on that waits."""
        with self._open() as link:
            link.execute("DELETE FROM trouble WHERE mode = ?", [GATE])

    def effects(self, direction: str = "forward") -> str:
        """The letters of the steps that took effect, in their order: `abc`."""
        with self._open() as link:
            rows = link.execute("SELECT step FROM effect WHERE direction = ? ORDER BY number", [direction])
            return "".join(step[-1] for (step,) in rows)

    def calls(self, step: str, direction: str = "forward", kind: str = "act") -> int:
        """How often a step's provider was asked to act, or (`find`) to look."""
        with self._open() as link:
            found = link.execute(
                "SELECT count(*) FROM call WHERE step = ? AND direction = ? AND kind = ?",
                [step, direction, kind],
            )
            return int(found.fetchone()[0])

    def _trouble(self, context: StepContext) -> str:
        deadline = time.monotonic() + PATIENCE
        while (mode := self._mode(context)) == GATE:
            if time.monotonic() > deadline:
                raise AssertionError(f"nobody opened the gate before {context.step}")
            time.sleep(0.02)  # polls the file under a deadline
        return mode

    def _mode(self, context: StepContext) -> str:
        with self._open() as link:
            row = link.execute(
                "SELECT mode FROM trouble WHERE step = ? AND direction = ?", [context.step, context.direction]
            ).fetchone()
        return str(row[0]) if row else ""

    def _note(self, context: StepContext, kind: str) -> None:
        with self._open() as link:
            link.execute(
                "INSERT INTO call (key, step, direction, kind) VALUES (?, ?, ?, ?)",
                [context.idempotency_key, context.step, context.direction, kind],
            )

    def _known(self, key: str) -> str | None:
        with self._open() as link:
            row = link.execute("SELECT key FROM effect WHERE key = ?", [key]).fetchone()
        return str(row[0]) if row else None

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.file, timeout=10)) as link, link:
            yield link
