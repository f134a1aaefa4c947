"""What a worker, or Flower, is told by broadcast: control commands, and the events of other workers. None of it ends the process.

Whoever may write to the broker may broadcast, and Celery believes what it hears: a clock that is no number, an event without a host, a
body that is none. Broadcasts are no work, so one that nobody can read is named in the log and dropped.
"""

from __future__ import annotations

import logging
from typing import Any

from kombu.clocks import LamportClock
from kombu.exceptions import ContentDisallowed, DecodeError

logger = logging.getLogger(__name__)

STUMBLES = (
    LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError, DecodeError, ContentDisallowed,
)  # fmt: skip
"""What code raises that believes a message."""
LATEST = 2**53
"""No clock of Celery's gets there by counting. One of 4,300 digits could be written into no message any more."""


def keep_clocks_whole() -> None:
    """Have the logical clocks of this process take over whole numbers of a size that can be counted to, and no others. Idempotent."""
    if LamportClock.adjust is not _adjust:
        LamportClock.adjust = _adjust  # type: ignore[method-assign]


def told_in_vain(what: str, error: BaseException) -> None:
    """Say in the log that a broadcast was dropped: what kind of error, and no word of its content."""
    logger.warning(
        "%s was no message that anybody here can read, and is dropped: %s", what, type(error).__name__
    )


_usual = LamportClock.adjust


def _adjust(self: LamportClock, other: Any) -> int:
    if isinstance(other, bool) or not isinstance(other, int) or not 0 <= other < LATEST:
        return self.forward()
    return _usual(self, other)
