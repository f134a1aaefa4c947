"""What a fault leaves behind for the judge: when it struck, whom, and the proof that it did."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.chaos.plan import PlannedFault
from tests.chaos.victims import Held


class NoEvidence(Exception):
    """A fault has not happened, or nobody can prove it; the text says why."""


class Ended(Exception):
    """The run is being ended from outside."""


@dataclass(slots=True)
class Strike:
    """One fault that was carried out."""

    fault: PlannedFault
    began: float = field(default_factory=time.time)
    """Seconds since 1970, as all times here."""
    ended: float = 0.0
    evidence: str = ""
    """The proof; empty: there is none, and the fault proves nothing."""
    missing: str = ""
    """Why there is none."""
    struck: float = 0.0
    """When the process was killed; 0 for other faults."""
    held: tuple[Held, ...] = ()
    """The claims that the killed process held."""
    outage: tuple[float, float] | None = None
    """While the site could not be expected to accept orders."""


def wait_until(
    condition: Callable[[], bool], what: str, *, seconds: float, stopping: threading.Event
) -> None:
    """Wait for the proof of something.

    Raises:
        NoEvidence: it did not come in time.
        Ended: the run is over.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if stopping.wait(0.05):
            raise Ended
        if time.monotonic() > deadline:
            raise NoEvidence(f"not within {seconds:g} s: {what}")
