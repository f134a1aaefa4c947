"""One delivery of a step: get the right to act, act, record, and go on with the next right, or stop.

Local steps: effect and record share one transaction; quick ones that follow each other share it too, as long as nobody has to be kept
away from them by a claim. External steps: no transaction is open during the call; its result is recorded under the fencing token.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from enum import Enum

from django.db import Error as DatabaseError

from orchestration.conf import engine_settings
from orchestration.core.definition import registry
from orchestration.core.planning.foresight import Ends
from orchestration.core.planning.states import FINISHED, Direction, SagaState, StepState
from orchestration.crash.points import CrashPoint
from orchestration.engine.database.conflicts import again_after_conflict
from orchestration.engine.database.connection import connection, transaction
from orchestration.engine.database.errors import is_conflict, may_have_committed
from orchestration.engine.incidents.opening import CLOSE_BY_THEMSELVES, resolve_incidents
from orchestration.engine.messages.transport import knock
from orchestration.engine.steps.attempt import Attempt
from orchestration.engine.steps.failures import answer, give_up_killer
from orchestration.engine.steps.interruptions import as_failure
from orchestration.engine.steps.leases import renewed
from orchestration.engine.steps.pace import (
    TOGETHER_SECONDS,
    Ahead,
    is_quick,
    lease_of,
    may_go_unclaimed,
    took,
)
from orchestration.engine.steps.participants import Participant
from orchestration.engine.steps.records import NotRecorded, Recorded, record, was_recorded
from orchestration.engine.steps.rights import (
    WITHOUT_CLAIM,
    SagaFacts,
    StepMessage,
    claim,
    look,
    release,
    revoke,
)
from orchestration.errors import StepError, UnknownDefinition
from orchestration.models import Saga, SagaStep
from orchestration.signals import tell_ended

logger = logging.getLogger(__name__)

MAY_HAVE_BEEN_TOLD = 1
"""After so many failed attempts an incident may be open that closes with success; before, nobody is asked."""


class Verdict(Enum):
    """What a delivery does with the links behind it."""

    CARRY_ON = "carry_on"
    """It recorded the step: the chain goes on."""
    STOP = "stop"
    """Refused, parked or superseded: somebody else carries on, or the heartbeat will."""
    ENDED = "ended"
    """The saga has ended with it: there is nothing to carry."""


@dataclass(slots=True)
class Performed:
    """What became of a delivery."""

    verdict: Verdict = Verdict.STOP
    """Of its last step."""
    attempts: list[Attempt] = field(default_factory=list)
    """What was attempted, in that order: the step it was for, and what this worker went on with."""

    @property
    def ahead(self) -> list[Attempt]:
        """All but the first."""
        return self.attempts[1:]


def perform(participant: Participant, message: StepMessage, ahead: Ahead | None = None) -> Performed:
    """Perform one delivery. Idempotent by (saga, step, direction, generation); may be called any number of times.

    Args:
        participant: who does the step.
        message: what the broker carried.
        ahead: how far this worker may go on by itself; by default not at all. A step that others must not do meanwhile is claimed in
            the statement that records the one before, as if a message had brought it.

    Raises:
        StepError: the step is given up, and that is recorded; the task is to fail so that `link_error` knocks.
    """
    message.reach(CrashPoint.MESSAGE_RECEIVED)
    performed = Performed()
    attempt = _looked_at(participant, message, ahead) or _claimed(participant, message, ahead, performed)
    while attempt is not None:
        attempt = _go_on(attempt, performed)
    return performed


def _looked_at(participant: Participant, message: StepMessage, ahead: Ahead | None) -> Attempt | None:
    """An attempt without a claim, or None where the step is to be claimed.

    To be claimed are external steps, slow ones, undo, whatever may have been delivered before, and whatever the claim will
    probably refuse.
    """
    if message.direction is not Direction.FORWARD or message.redelivered:
        return None
    if not may_go_unclaimed(participant.reference) or (saga := look(message)) is None:
        return None
    try:
        definition = registry.find(saga.definition, saga.version)
    except UnknownDefinition:
        return None
    attempt = Attempt(participant, message, WITHOUT_CLAIM, saga, definition, ahead)
    return attempt if attempt.is_its_turn() else None


def _claimed(
    participant: Participant, message: StepMessage, ahead: Ahead | None, performed: Performed
) -> Attempt | None:
    """An attempt under a claim; None where that is refused. The verdict says what the delivery does then."""
    performed.verdict = Verdict.STOP
    reference = participant.reference
    # The first delivery of a quick local step leaves no row.
    unseen = int(message.redelivered and is_quick(reference))
    granted = claim(
        message,
        task=reference.task,
        external=reference.is_external,
        lease=lease_of(reference),
        unseen=unseen,
    )
    if granted is None:
        return None
    saga, right = granted
    if right is None:
        performed.verdict = _refused(message, saga)
        return None
    try:
        definition = registry.find(saga.definition, saga.version)
    except UnknownDefinition:
        release(right)
        return None
    attempt = Attempt(participant, message, right, saga, definition, ahead)
    if not attempt.is_its_turn():
        revoke(right, is_new=saga.known_state(message.step, message.direction) is None)
        logger.warning(
            "saga %s: a delivery of %s (%s) as task %s was refused: it is not its turn",
            message.saga_id,
            message.step,
            message.direction.value,
            reference.task,
        )
        return None
    return attempt


def _refused(message: StepMessage, saga: SagaFacts) -> Verdict:
    """A refused delivery stops, except a redelivery whose first run died between its record and the next link.

    It carries on only while the next step is unclaimed: otherwise doubled messages would grow to two to the n.
    """
    if not message.redelivered or saga.epoch != message.epoch:
        return Verdict.STOP
    if saga.known_state(message.step, message.direction) not in FINISHED:
        return Verdict.STOP
    following = SagaStep.objects.filter(
        saga_id=message.saga_id, name=message.next_step or "", direction=message.direction.value
    )
    claimed = following.exclude(state=StepState.PENDING.value).exists()
    return Verdict.STOP if claimed else Verdict.CARRY_ON


def _go_on(attempt: Attempt, performed: Performed) -> Attempt | None:
    """Do one step, or several that share a transaction. Returns the attempt at the step that this worker goes on with."""
    is_ahead = bool(performed.attempts)
    if is_ahead:
        performed.attempts[-1].message.reach(CrashPoint.RESULT_COMMITTED)
    try:
        return (
            _without_claim(attempt, performed)
            if attempt.right.token is None
            else _under_claim(attempt, performed)
        )
    except StepError as given_up:
        if not is_ahead:
            raise
        # It is that step's own failure, and not that of the step whose message has led here.
        performed.attempts[-1].error = given_up
        knock(attempt.message.saga_id)  # as `link_error` would
        return None


def _without_claim(attempt: Attempt, performed: Performed) -> Attempt | None:
    """Do a step, and those behind it that are as quick, in one transaction. Should anything go wrong, nothing has happened.

    Then it is claimed, so that a failure is this step's alone, and one that kills its worker is known by its own count.
    """
    stretch = [attempt]
    try:
        following = _act_and_record(stretch, performed)
    except BaseException as raised:
        failed = as_failure(raised)
    else:
        performed.attempts += stretch
        return following
    claimed = _claimed(attempt.participant, attempt.message, attempt.ahead, performed)
    if claimed is None:
        return None
    if len(stretch) > 1 or isinstance(failed, NotRecorded) or is_conflict(failed):
        return _under_claim(claimed, performed)
    claimed.command = attempt.command
    return _under_claim(claimed, performed, failed)


def _under_claim(attempt: Attempt, performed: Performed, failed: Exception | None = None) -> Attempt | None:
    """Do a step that is claimed; or only record that it has failed, where it was attempted before it was claimed."""
    performed.verdict = Verdict.STOP
    performed.attempts.append(attempt)
    right = attempt.right
    if failed is None:
        if right.deliveries - right.attempts > engine_settings().MAX_CRASHES:
            raise give_up_killer(attempt)
        try:
            with renewed(right, attempt.reference.timeout):
                if attempt.reference.is_external:
                    attempt.act()
                return again_after_conflict(_act_and_record)([attempt], performed)
        except BaseException as raised:  # every error of a step is data for its policy
            failed = as_failure(raised)
    answer(attempt, failed)
    return None


def _act_and_record(stretch: list[Attempt], performed: Performed) -> Attempt | None:
    """Record an external step that has acted, or do and record local ones in one transaction.

    Args:
        stretch: the first step. Those that were done behind it are added.
        performed: gets the verdict.

    Returns:
        The attempt at the step that this worker goes on with.
    """
    first = stretch[0]
    is_local, is_claimed = not first.reference.is_external, first.right.token is not None
    recorded: Recorded | None = None
    try:
        with transaction.atomic():
            if is_local:
                _act(stretch)
            else:
                first.save()
            last = stretch[-1]
            # A quick step behind begins a transaction of its own. Behind a local one that was done by itself, because something had
            # gone wrong, each is done by itself.
            then = last.following
            unclaimed = then is not None and then.may_go_unclaimed and not (is_local and is_claimed)
            recorded = record(
                first.message,
                SagaState(first.saga.state),
                [attempt.ending for attempt in stretch],
                strict=is_local,
                ends=isinstance(last.foreseen, Ends),
                claim=None if unclaimed else then,
            )
            _tell(first, recorded)
            for attempt in stretch:
                attempt.message.reach(CrashPoint.RESULT_COMMITTING)
    except DatabaseError as error:
        if not connection.in_atomic_block:
            connection.close()  # it may be what has failed
        if recorded is None or not may_have_committed(error) or not was_recorded(first.message, first.right):
            raise
    for attempt in stretch:
        attempt.message.reach(CrashPoint.RESULT_COMMITTING, committed=True)
    if recorded.ended:
        performed.verdict = Verdict.ENDED
        return None
    carries = recorded.carries and not last.ending.skip_rest
    performed.verdict = Verdict.CARRY_ON if carries else Verdict.STOP
    right = WITHOUT_CLAIM if unclaimed and recorded.carries else recorded.right
    return last.follow(then, right) if then is not None and right is not None else None


def _act(stretch: list[Attempt]) -> None:
    """Act for a local step; without a claim also for those behind it, as long as they are quick and others need not wait long."""
    attempt, stop_at = stretch[0], time.monotonic() + TOGETHER_SECONDS
    attempt.allow_its_time()
    attempt.act()
    if attempt.right.token is not None:
        return
    took(attempt.reference, attempt.ended - attempt.began)
    while (then := attempt.following) is not None and then.may_go_unclaimed and attempt.ended <= stop_at:
        attempt = attempt.follow(then, WITHOUT_CLAIM)
        stretch.append(attempt)
        attempt.act()
        took(attempt.reference, attempt.ended - attempt.began)


def _tell(attempt: Attempt, recorded: Recorded) -> None:
    """Close what a person was told of the step, and tell that its saga has ended. Inside the transaction of its record."""
    saga_id, right = attempt.message.saga_id, attempt.right
    if right.attempts >= MAY_HAVE_BEEN_TOLD or (right.token or 0) > 1:
        resolve_incidents(
            Saga(id=saga_id),
            step=attempt.message.step,
            kind=CLOSE_BY_THEMSELVES,
            by="engine",
            resolution="It worked at last.",
        )
    if recorded.ended:
        tell_ended(saga_id, SagaState.COMPLETED.value)
