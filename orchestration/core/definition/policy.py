"""Retry policies: how often a step is tried, and how long it waits in between. Pure; randomness is handed in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import inf
from random import Random

from orchestration.core.definition.arguments import demand, demand_number, is_whole
from orchestration.errors import DefinitionError

_SYSTEM_RANDOM = Random()

LONGEST_ASKED = 86_400.0
"""Seconds: nobody is asked to come back later than in a day, whatever a provider says (or means: some write milliseconds)."""


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
        for name in ("first", "longest"):
            if isinstance(given := getattr(self, name), timedelta):
                object.__setattr__(self, name, given.total_seconds())
        demand(
            self.attempts is None or is_whole(self.attempts),
            "RetryPolicy(...): attempts",
            self.attempts,
            "a whole number from 1 on, or None for never giving up",
        )
        for name in ("first", "factor", "longest"):
            write = "a number" if name == "factor" else "a number of seconds, or a timedelta"
            demand_number(getattr(self, name), f"RetryPolicy(...): {name}", write)
        if self.attempts is not None and self.attempts < 1:
            raise DefinitionError("a retry policy needs at least one attempt; write attempts=1 or more")
        if not (self.first >= 0 and 1 <= self.factor < inf) or self.longest < self.first:
            raise DefinitionError("a retry policy needs first >= 0, factor >= 1 and longest >= first")

    def allows(self, *, ended_attempts: int) -> bool:
        """Whether another attempt may follow after `ended_attempts` that failed."""
        return self.attempts is None or ended_attempts < self.attempts

    def delay(self, *, ended_attempts: int, asked: object = None, random: Random = _SYSTEM_RANDOM) -> float:
        """Seconds to wait before the next attempt.

        Args:
            ended_attempts: how many have ended in an error, from 1.
            asked: what the provider asked for: seconds as a number or as text, or a timedelta; at most LONGEST_ASKED. What says no time
                is passed over. It is kept to, and then spread over a quarter of it at least: a
                provider that tells everybody the same would else get everybody back at the same moment.
            random: source of the jitter.
        """
        exponent = min(max(ended_attempts - 1, 0), 64)
        bound = min(self.longest, self.first * self.factor**exponent)
        least = _seconds_asked(asked)
        if least is None:
            return random.uniform(0.0, bound)
        return least + random.uniform(0.0, max(bound, least / 4))


def _seconds_asked(asked: object) -> float | None:
    """Return what was asked for in seconds, or None where that says no time: it comes from a provider's answer, as whatever it was there."""
    if isinstance(asked, timedelta):
        asked = asked.total_seconds()
    if asked is None or isinstance(asked, bool):
        return None
    try:
        seconds = float(asked)  # type: ignore[arg-type] # whatever it is
    except OverflowError:
        return LONGEST_ASKED
    except Exception:  # a date, a word, an object: then the policy says when
        return None
    return min(seconds, LONGEST_ASKED) if seconds > 0 else None  # NaN is not


FORWARD = RetryPolicy()
"""Five attempts within seconds: the customer is waiting, and undo is a decent answer."""

AFTER_PIVOT = RetryPolicy(attempts=None, first=1.0, longest=300.0)
"""There is no way back, so it never gives up; an incident opens after `INCIDENT_AFTER_ATTEMPTS`."""

SETTLE = RetryPolicy(attempts=None, first=4.0, longest=120.0)
"""Half a minute to a minute between two look-ups on average: the provider that does not answer has not answered before."""

UNDO = RetryPolicy(attempts=12, first=1.0, longest=300.0)
"""About twenty minutes: more patient than forward, because after it only a person can help."""
