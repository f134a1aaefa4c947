"""Local steps that one worker does right after each other, in one transaction: one commit instead of one for each.

Each has its claim, its record and its entry in the history as ever; they only become visible together. When anything goes wrong,
nothing has happened, and each is done in a transaction of its own: there a failure is that step's alone. A step that was ever
delivered before is always done by itself, so that one that kills its worker is known by its own count of deliveries.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Self

from django.db import Error as DatabaseError
from django.db import connection, transaction

from orchestration.core.states import Direction
from orchestration.crash_points import reach
from orchestration.database_errors import is_conflict
from orchestration.engine.attempts import Attempt, Verdict
from orchestration.engine.claims import StepMessage
from orchestration.errors import StepError

TOGETHER_SECONDS = 0.05
"""After so long a transaction takes in no further step: others may wait for the rows it holds."""


@dataclass(frozen=True, slots=True)
class RanAhead:
    """A step that was done without a message of its own."""

    task: str
    task_id: str
    step: str
    began: float
    """Moment of `time.monotonic`."""
    seconds: float
    error: StepError | None
    """Why it was given up, if it was."""

    @classmethod
    def of(cls, attempt: Attempt, began: float, error: StepError | None = None) -> Self:
        """What is to be told of an attempt that has just ended."""
        return cls(
            attempt.participant.reference.task,
            attempt.message.task_id,
            attempt.message.step,
            began,
            time.monotonic() - began,
            error,
        )


@dataclass(frozen=True, slots=True)
class Shared:
    """Steps that were done in one transaction."""

    verdict: Verdict
    last: Attempt
    ahead: list[RanAhead]
    """All but the first."""


def share(first: Attempt) -> Shared | None:
    """Do a claimed step, and those behind it, in one transaction. None: nothing has happened, and each is to be done by itself.

    Raises:
        StepError: the first step is given up, and that is recorded.
    """
    if not (first.runs_ahead and first.may_share):
        return None
    attempt, done = first, [first]
    ahead: list[RanAhead] = []
    stop_at = time.monotonic() + TOGETHER_SECONDS
    try:
        with transaction.atomic():
            reach_claimed(first.message)
            verdict = first.run_within()
            while time.monotonic() < stop_at:
                following = attempt.next()
                if following is None or not following.may_share:
                    break
                attempt, began = following, time.monotonic()
                reach_claimed(attempt.message)
                verdict = attempt.run_within()
                done.append(attempt)
                ahead.append(RanAhead.of(attempt, began))
    except Exception as error:
        if attempt is first and not is_conflict(error):
            first.following = None
            return Shared(first.answer(error), first, [])
        if isinstance(error, DatabaseError) and not connection.in_atomic_block:
            connection.close()  # it may be what has failed
        return None
    for each in done:
        _reach(each.message, "K9", committed=True)
    return Shared(verdict, attempt, ahead)


def reach_claimed(message: StepMessage) -> None:
    """Say that a step is claimed, and about to be done."""
    _reach(message, "K13" if message.direction is Direction.UNDO else "K7")


def _reach(message: StepMessage, point: str, *, committed: bool = False) -> None:
    reach(
        point,
        about=[message.saga_id],
        direction=message.direction,
        step=message.step,
        committed=committed,
    )
