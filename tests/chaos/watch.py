"""Looks every few seconds whether what must hold at every moment holds: all of it in one snapshot of the database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from django.db import Error as DatabaseError
from django.db import connection

from orchestration.engine.database.snapshot import reading
from orchestration.verification import run_invariants

EVERY_SECONDS = 5.0
AT_MOST = 0.25
"""Of its time, that the watch spends looking: it must not become the load itself."""

TRANSITIONS = (
    "orchestration: a history is numbered without gaps",
    "orchestration: every change of state in a history is a permitted one",
    "orchestration: nothing but annotations follows the end of a saga",
    "orchestration: no step goes forward once undo has begun",
    "orchestration: undo waits until no step is in flight or unknown",
    "orchestration: there is no way back past the pivot",
    "orchestration: undo begins at most once in a saga",
    "orchestration: steps are undone in the reverse of their order",
)
"""What makes a step or a change of state illegal."""

SAFETY = frozenset(
    {
        *TRANSITIONS,
        "across: nothing ships unpaid",
        "orchestration: an event is applied at most once to each saga",
        "orchestration: an undo that failed for good has an open incident that names it",
        "orchestration: one saga per definition and business key",
        "orchestration: a saga keeps the definition it was started with",
        "orchestration: nothing is undone that was not done",
        "orders: every order has exactly one saga, and every saga its order",
        "payments: at most one effect per key at the gateway",
        "shipping: on hand + reserved + shipped = initial + restocked, and nothing below zero",
        "shipping: reservations add up to what the stock says is reserved and shipped",
    }
)
"""Checks of `verify` that hold at every moment, whatever is broken."""

_CANNOT = "the check itself failed"


class Watch(threading.Thread):
    """A thread that looks until it is stopped."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(name="watch", daemon=True)
        self._tell = tell
        self._stopping = threading.Event()
        self.looks = 0
        """How often everything could be seen; a database that is away shows nothing."""
        self.violations: list[str] = []

    def run(self) -> None:
        """Look, and look again."""
        pause = EVERY_SECONDS
        while not self._stopping.wait(pause):
            began = time.monotonic()
            try:
                self._look()
            except DatabaseError:
                pass
            finally:
                connection.close()
            pause = max(EVERY_SECONDS, (time.monotonic() - began) / AT_MOST)

    def stop(self) -> None:
        """End after the look that is under way."""
        self._stopping.set()
        self.join(timeout=60)

    def _look(self) -> None:
        with reading():
            results = run_invariants(only=SAFETY.__contains__)
        found = [f"{result.name}: {text}" for result in results for text in result.violations]
        if any(_CANNOT in text for text in found):
            return
        self.looks += 1
        for text in found:
            if text not in self.violations:
                self.violations.append(text)
                self._tell(text)
