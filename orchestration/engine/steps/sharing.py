"""Quick local steps without a claim, in one transaction: one alone, or several that one worker does right after each other.

Each has its row, its entry in the history and its result as ever; they become visible together, with the commit, and are recorded
by one statement. When anything goes wrong, nothing has happened, and each is claimed and done in a transaction of its own: there a
failure is that step's alone, and one that kills its worker is known by its own count of deliveries.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Self

from django.db import Error as DatabaseError

from orchestration.conf import engine_settings
from orchestration.core.definition.references import Message
from orchestration.core.planning.foresight import Ends
from orchestration.core.planning.states import Direction, SagaState, StepState
from orchestration.crash.points import CrashPoint, reach
from orchestration.engine.database.connection import connection, transaction
from orchestration.engine.database.errors import is_conflict
from orchestration.engine.steps.attempts import Attempt, Verdict
from orchestration.engine.steps.claims import UNCLAIMED, Claim, StepMessage
from orchestration.engine.steps.interruptions import as_failure
from orchestration.engine.steps.quick import took
from orchestration.engine.steps.records_unclaimed import DoneStep, NotTogether, record_unclaimed
from orchestration.errors import StepError
from orchestration.signals import tell_ended

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
    def of(cls, step: DoneStep) -> Self:
        """What is to be told of a step that is done."""
        return cls(step.task, step.task_id, step.ending.name, step.began, step.ended - step.began, None)


@dataclass(frozen=True, slots=True)
class Done:
    """Steps that were attempted, and what follows."""

    verdict: Verdict
    last: Attempt | None = None
    """The attempt that says what this worker goes on with, if there was one."""
    ahead: list[RanAhead] = field(default_factory=list)
    """All but the first."""


@dataclass(frozen=True, slots=True)
class Undone:
    """Nothing has happened, as far as is known: the first step is to be claimed."""

    error: Exception
    its_own: bool
    """Whether the first step is to be answered with the error, once it is claimed. Otherwise it is to be done by itself."""
    command: Message | None
    """What the first step was given."""
    claim: Claim | None = None
    """Of the next step, which is held if all has happened after all."""


def share(first: Attempt) -> Done | Undone:
    """Do a step that was looked at, and those behind it that this worker may go straight on with, in one transaction."""
    attempt, done = first, list[DoneStep]()
    claim: Claim | None = None
    stop_at = time.monotonic() + TOGETHER_SECONDS
    try:
        with transaction.atomic():
            while True:
                began = time.monotonic()
                reach_claimed(attempt.message)
                ending = attempt.act()
                if ending.state != StepState.DONE.value:
                    raise NotTogether
                reference, now = attempt.participant.reference, time.monotonic()
                took(reference, now - began)
                done.append(DoneStep(ending, reference.task, attempt.message.task_id, began, now))
                rows, foreseen = attempt.look_ahead(ending)
                then = attempt.next_claim(foreseen)
                following = attempt.follow(rows, ending, then, UNCLAIMED) if then is not None else None
                if then is None or not then.may_go_unclaimed or following is None or now > stop_at:
                    break
                attempt = following
            unclaimed, ends = then is not None and then.may_go_unclaimed, isinstance(foreseen, Ends)
            claim = record_unclaimed(
                first.message.saga_id,
                first.message.epoch,
                SagaState(first.delivery.saga["state"]),
                done,
                resend_after=engine_settings().RESEND_AFTER_SECONDS,
                ends=ends,
                then=None if unclaimed else then,
            )
            if ends:
                tell_ended(first.message.saga_id, SagaState.COMPLETED.value)
            _reach_each(first, done, CrashPoint.RESULT_COMMITTING)
    except BaseException as error:  # what is no failure of the step is raised again
        return _answer(first, attempt, as_failure(error), claim)
    _reach_each(first, done, CrashPoint.RESULT_COMMITTING, committed=True)
    if unclaimed:
        attempt.following = following
    elif then is not None and claim is not None:
        attempt.following = attempt.follow(rows, ending, then, claim)
    verdict = Verdict.ENDED if ends else Verdict.STOP if ending.skip_rest else Verdict.CARRY_ON
    return Done(verdict, attempt, [RanAhead.of(step) for step in done[1:]])


def _answer(first: Attempt, attempt: Attempt, error: Exception, claim: Claim | None) -> Undone:
    """What follows from an error after which nothing has happened; or everything, if it was the answer to a commit that got lost."""
    if isinstance(error, DatabaseError) and not connection.in_atomic_block:
        connection.close()  # it may be what has failed
    its_own = attempt is first and not isinstance(error, NotTogether) and not is_conflict(error)
    return Undone(error, its_own, first.command, claim)


def _reach_each(first: Attempt, done: list[DoneStep], point: CrashPoint, *, committed: bool = False) -> None:
    for step in done:
        _reach(first.message, step.ending.name, point, committed=committed)


def reach_claimed(message: StepMessage) -> None:
    """Say that a step is claimed, or was looked at, and is about to be done."""
    _reach(
        message,
        message.step,
        CrashPoint.UNDO_CLAIMED if message.direction is Direction.UNDO else CrashPoint.CLAIM_COMMITTED,
    )


def _reach(message: StepMessage, step: str, point: CrashPoint, *, committed: bool = False) -> None:
    reach(
        point,
        about=[message.saga_id],
        direction=message.direction,
        step=step,
        committed=committed,
    )
