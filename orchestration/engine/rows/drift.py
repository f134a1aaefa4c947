"""Noticing that the database's clock has jumped, by a clock of this process that only runs forward.

Who is undone because a time is over is decided by the database's clock. While it has just jumped nobody can say which of its two
times was right, so for a minute nothing is over.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime

logger = logging.getLogger(__name__)

MOST_APART = 30.0
"""Seconds by which the two clocks may part between two readings."""
REST_SECONDS = 60.0
"""For so long after a jump no deadline and no time-out is over."""


class Drift:
    """Compares each reading of the database's clock with the one before.

    Args:
        monotonic: the clock that only runs forward.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._last: tuple[datetime, float, float] | None = None
        self._doubtful_until: float | None = None

    def now(self) -> float:
        """The moment before a reading, for `noted`."""
        return self._monotonic()

    def noted(self, moment: datetime, asked_at: float) -> None:
        """Take in a reading of the database's clock.

        Args:
            moment: what it said.
            asked_at: when it was asked. The answer may have been long on its way, so the reading is of any moment since.
        """
        answered_at = self._monotonic()
        # Without a lock: a process that is forked while another thread holds one would wait for it for ever. Whichever earlier reading
        # this one is compared with, it is as good.
        last, now = self._last, (moment, asked_at, answered_at)
        self._last = now
        if last is None or not (apart := _apart(last, now)):
            return
        self._doubtful_until = answered_at + REST_SECONDS
        logger.warning(
            "the database's clock has jumped by %+.0f s: deadlines and time-outs rest for a minute", apart
        )

    def rests_for(self) -> float:
        """Seconds for which no time is over; 0 while the clock runs as it should."""
        until = self._doubtful_until
        return max(until - self._monotonic(), 0.0) if until is not None else 0.0

    def jumped_at(self) -> float | None:
        """When the newest jump was noticed, by the clock that only runs forward; None when there was none."""
        return self._doubtful_until - REST_SECONDS if self._doubtful_until is not None else None


def _apart(before: tuple[datetime, float, float], after: tuple[datetime, float, float]) -> float:
    """Seconds by which the database's clock has run ahead (or, negative, behind) between two readings; 0 for few."""
    passed = (after[0] - before[0]).total_seconds()
    least, most = after[1] - before[2], after[2] - before[1]
    if passed > most + MOST_APART:
        return passed - most
    if passed < least - MOST_APART:
        return passed - least
    return 0.0


drift = Drift()
"""Of this process."""
