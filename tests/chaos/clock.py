"""The plan's clock: it runs with ours, and stands still where a fault takes much longer than the plan has thought.

So the last faults strike a system under load also on a slow machine, and no two faults come at once to make up for lost time.
"""

from __future__ import annotations

import threading
import time

LEEWAY = 10.0
"""Seconds by which the faults may be late before the clock stands still."""


class PlanClock:
    """Starts when it is made. For several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._stood = 0.0
        self._limit = float("inf")

    def now(self) -> float:
        """Seconds of the plan."""
        with self._lock:
            return self._now()

    def stand_at(self, limit: float) -> None:
        """Do not go past this moment, until another is named."""
        with self._lock:
            now = self._now()
            self._stood = time.monotonic() - self._began - now
            self._limit = limit

    def wait_until(self, moment: float, *, stopping: threading.Event) -> bool:
        """Wait for a moment of the plan; False when the run is ended before."""
        while (left := moment - self.now()) > 0:
            if stopping.wait(min(max(left, 0.01), 0.2)):
                return False
        return not stopping.is_set()

    def _now(self) -> float:
        return min(self._limit, time.monotonic() - self._began - self._stood)
