"""Local steps that one worker does right after each other, in one transaction: one commit instead of one for each.

Each has its row, its entry in the history and its result as ever; they only become visible together, and are recorded by one
statement. When anything goes wrong, nothing has happened, and each is done in a transaction of its own: there a failure is that
step's alone. A step that was ever delivered before is always done by itself, so that one that kills its worker is known by its
own count of deliveries.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Self

from django.db import Error as DatabaseError
from django.db import connection, transaction

from orchestration.conf import engine_settings
from orchestration.core.foresight import Ends
from orchestration.core.states import Direction, StepState
from orchestration.crash_points import reach
from orchestration.database_errors import is_conflict
from orchestration.engine.attempts import Attempt, Verdict
from orchestration.engine.claims import Claim, StepMessage
from orchestration.engine.records import NotRecorded
from orchestration.engine.records_together import DoneStep, NotTogether, record_together
from orchestration.errors import StepError

TOGETHER_SECONDS = 0.05
"""After so long a transaction takes in no further step: others may wait for the rows it holds."""
_UNSEEN = Claim(row_id=0, generation=1, token=1, attempts=0, deliveries=1, unsure=False)
"""Of a step that comes into being as done."""


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
    def of(cls, step: DoneStep) -> Self:
        """What is to be told of a step that is done."""
        return cls(step.task, step.task_id, step.ending.name, step.began, step.ended - step.began, None)


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
    attempt, done = first, list[DoneStep]()
    stop_at = time.monotonic() + TOGETHER_SECONDS
    try:
        with transaction.atomic():
            while True:
                began = time.monotonic()
                reach_claimed(attempt.message)
                ending = attempt.act()
                if ending.state != StepState.DONE.value:
                    raise NotTogether
                rows, foreseen = attempt.look_ahead(ending)
                then = attempt.next_claim(foreseen)
                task, now = attempt.participant.reference.task, time.monotonic()
                done.append(DoneStep(ending, task, attempt.message.task_id, began, now))
                following = attempt.follow(rows, ending, then, _UNSEEN) if then is not None else None
                if following is None or not following.may_share or now > stop_at:
                    break
                attempt = following
            recorded = record_together(
                first.message.saga_id,
                first.message.epoch,
                first.claim,
                done,
                resend_after=engine_settings().RESEND_AFTER_SECONDS,
                ends=isinstance(foreseen, Ends),
                then=then,
            )
            _reach_each(first, done, "K9")
    except Exception as error:
        return _answer(first, attempt, error)
    _reach_each(first, done, "K9", committed=True)
    if then is not None and recorded.claim is not None:
        attempt.following = attempt.follow(rows, ending, then, recorded.claim)
    verdict = Verdict.ENDED if recorded.ended else Verdict.STOP if ending.skip_rest else Verdict.CARRY_ON
    return Shared(verdict, attempt, [RanAhead.of(step) for step in done[1:]])


def _answer(first: Attempt, attempt: Attempt, error: Exception) -> Shared | None:
    """What follows from an error after which nothing has happened: the first step's own, or each is done by itself."""
    its_own = attempt is first and not isinstance(error, NotTogether) and not is_conflict(error)
    if isinstance(error, NotRecorded) or its_own:
        return Shared(first.answer(error), first, [])
    if isinstance(error, DatabaseError) and not connection.in_atomic_block:
        connection.close()  # it may be what has failed
    return None


def _reach_each(first: Attempt, done: list[DoneStep], point: str, *, committed: bool = False) -> None:
    for step in done:
        _reach(replace(first.message, step=step.ending.name), point, committed=committed)


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
