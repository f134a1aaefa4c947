"""Retry policies: how often a step is tried, and how long it waits in between. Pure; randomness is handed in."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

_SYSTEM_RANDOM = Random()


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Exponential backoff with full jitter.

    Before attempt `n + 1` the step waits a random time between zero and
    `min(longest, first * factor ** (n - 1))` seconds. Full jitter keeps a thousand sagas that failed together
    from coming back together (Brooker, "Exponential Backoff And Jitter").
    """

    attempts: int | None = 5
    """How many attempts may end in an error before the step fails; None never gives up."""
    first: float = 0.5
    """Upper bound of the first delay, in seconds."""
    factor: float = 2.0
    """Growth of the bound from one attempt to the next."""
    longest: float = 300.0
    """No delay is longer than this, in seconds."""

    def __post_init__(self) -> None:
        if self.attempts is not None and self.attempts < 1:
            raise ValueError("a retry policy needs at least one attempt")
        if self.first < 0 or self.factor < 1 or self.longest < self.first:
            raise ValueError("a retry policy needs first >= 0, factor >= 1 and longest >= first")

    def allows(self, *, ended_attempts: int) -> bool:
        """Whether another attempt may follow after `ended_attempts` that failed."""
        return self.attempts is None or ended_attempts < self.attempts

    def delay(self, *, ended_attempts: int, random: Random = _SYSTEM_RANDOM) -> float:
        """Seconds to wait before the next attempt."""
        exponent = min(max(ended_attempts - 1, 0), 64)
        return random.uniform(0.0, min(self.longest, self.first * self.factor**exponent))


FORWARD = RetryPolicy()
"""Five attempts within seconds: the customer is waiting, and undo is a decent answer."""

AFTER_PIVOT = RetryPolicy(attempts=None, first=1.0, longest=300.0)
"""There is no way back, so it never gives up; an incident opens after `INCIDENT_AFTER_ATTEMPTS`."""

UNDO = RetryPolicy(attempts=12, first=1.0, longest=300.0)
"""About twenty minutes: more patient than forward, because after it only a person can help."""
