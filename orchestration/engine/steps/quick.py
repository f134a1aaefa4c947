"""Which steps are quick: local ones of ordinary length, that have not been slow of late."""

from __future__ import annotations

import time

from orchestration.conf import engine_settings
from orchestration.core.definition.references import StepReference

SLOW_SECONDS = 1.0
"""A step that has taken longer is claimed, so that everybody sees it at work, and nobody does it meanwhile."""
REMEMBERED_SECONDS = 60.0
"""How long a process remembers that."""

_slow: dict[str, float] = {}
"""Until when the steps of a task are claimed: moments of `time.monotonic`. One entry at most for each task."""


def is_quick(reference: StepReference) -> bool:
    """Whether a step is a local one of ordinary length."""
    return not reference.is_external and reference.timeout <= engine_settings().LEASE_SECONDS


def may_go_unclaimed(reference: StepReference) -> bool:
    """Whether a step may be done without being claimed: it is quick, and was so when this process did it last."""
    return is_quick(reference) and _slow.get(reference.task, 0.0) <= time.monotonic()


def took(reference: StepReference, seconds: float) -> None:
    """Remember a step that was not quick after all."""
    if seconds > SLOW_SECONDS:
        _slow[reference.task] = time.monotonic() + REMEMBERED_SECONDS
