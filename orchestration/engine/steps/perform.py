"""Performing one delivery of a step: look or claim, attempt, and where this worker runs ahead, the steps behind it."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field

from orchestration.conf import engine_settings
from orchestration.core.definition import registry
from orchestration.core.planning.states import FINISHED, StepState
from orchestration.crash.points import CrashPoint, reach
from orchestration.engine.database.errors import may_have_committed
from orchestration.engine.messages.transport import knock
from orchestration.engine.steps.ahead import Ahead, lease_of
from orchestration.engine.steps.attempts import Attempt, Verdict
from orchestration.engine.steps.claims import UNCLAIMED, Delivery, StepMessage, claim_step
from orchestration.engine.steps.failures import give_up_killer
from orchestration.engine.steps.participants import Participant
from orchestration.engine.steps.quick import is_quick
from orchestration.engine.steps.release import release_claim, revoke_claim
from orchestration.engine.steps.sharing import Done, RanAhead, Undone, reach_claimed, share
from orchestration.engine.steps.unclaimed import look
from orchestration.errors import StepError, UnknownDefinition
from orchestration.models import SagaStep

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Performed:
    """What became of a delivery."""

    verdict: Verdict
    """Of its last step."""
    ahead: list[RanAhead] = field(default_factory=list)
    """What was done beyond the step it was for, in that order."""


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
    reach(
        CrashPoint.MESSAGE_RECEIVED, about=[message.saga_id], direction=message.direction, step=message.step
    )
    seen = look(participant, message, ahead)
    done = _unclaimed(seen) if seen is not None else _claimed(participant, message, ahead)
    performed = Performed(done.verdict, done.ahead)
    while done.last is not None and (following := done.last.following) is not None:
        _reach_between(done.last.message)
        done = _go_on(following, performed)
    return performed


def _unclaimed(attempt: Attempt) -> Done:
    done = share(attempt)
    if isinstance(done, Undone):
        return _claimed(attempt.participant, attempt.message, attempt.ahead, done)
    return done


def _claimed(
    participant: Participant, message: StepMessage, ahead: Ahead | None, undone: Undone | None = None
) -> Done:
    """Claim a step, and attempt it or answer what it has come to without a claim."""
    reference = participant.reference
    delivery = claim_step(
        message,
        task=reference.task,
        external=reference.is_external,
        lease=lease_of(reference),
        # The first one of a quick local step leaves no row.
        unseen=int(message.redelivered and is_quick(reference)),
    )
    if delivery is None or delivery.claim is None:
        if undone is not None and may_have_committed(undone.error):
            return Done(_recorded_after_all(message, undone))
        return Done(_refused(message, delivery))
    try:
        definition = registry.find(delivery.saga["definition"], delivery.saga["version"])
    except UnknownDefinition:
        release_claim(delivery.claim)
        return Done(Verdict.STOP)
    attempt = Attempt(participant, message, delivery, delivery.claim, definition, ahead)
    if not attempt.is_its_turn():
        is_new = delivery.known_state(message.step, message.direction) is None
        revoke_claim(delivery.claim, is_new=is_new)
        logger.warning(
            "saga %s: a delivery of %s (%s) as task %s was refused: it is not its turn",
            message.saga_id,
            message.step,
            message.direction.value,
            reference.task,
        )
        return Done(Verdict.STOP)
    if undone is None or not undone.its_own:
        return Done(_try(attempt), attempt)
    attempt.command = undone.command
    return Done(attempt.answer(undone.error), attempt)


def _try(attempt: Attempt) -> Verdict:
    message, claim = attempt.message, attempt.claim
    if claim.deliveries - claim.attempts > engine_settings().MAX_CRASHES:
        raise give_up_killer(message.saga_id, claim.row_id, attempt.definition)
    reach_claimed(message)
    return attempt.run()


def _go_on(attempt: Attempt, performed: Performed) -> Done:
    """Like a message of its own: a failure is this step's, and not that of the step whose message has led here."""
    began, error = time.monotonic(), None
    try:
        done = _unclaimed(attempt) if attempt.claim is UNCLAIMED else Done(_try(attempt), attempt)
    except StepError as given_up:
        done, error = Done(Verdict.STOP), given_up
        knock(attempt.message.saga_id)  # as `link_error` would
    performed.verdict = done.verdict
    if error is not None or done.last is not None:  # otherwise somebody else has done it
        seconds = (done.ahead[0].began if done.ahead else time.monotonic()) - began
        task, message = attempt.participant.reference.task, attempt.message
        performed.ahead.append(RanAhead(task, message.task_id, message.step, began, seconds, error))
    performed.ahead.extend(done.ahead)
    return done


def _reach_between(message: StepMessage) -> None:
    reach(
        CrashPoint.RESULT_COMMITTED, about=[message.saga_id], direction=message.direction, step=message.step
    )


def _refused(message: StepMessage, delivery: Delivery | None) -> Verdict:
    """A refused delivery stops, except a redelivery whose first run died between its record and the next link.

    It carries on only while the next step is unclaimed: otherwise doubled messages would grow to two to the n.
    """
    if delivery is None or not message.redelivered or delivery.saga["epoch"] != message.epoch:
        return Verdict.STOP
    if delivery.known_state(message.step, message.direction) not in FINISHED:
        return Verdict.STOP
    following = SagaStep.objects.filter(
        saga_id=message.saga_id, name=message.next_step or "", direction=message.direction.value
    )
    claimed = following.exclude(state=StepState.PENDING.value).exists()
    return Verdict.STOP if claimed else Verdict.CARRY_ON


def _recorded_after_all(message: StepMessage, undone: Undone) -> Verdict:
    """After a connection was lost, perhaps during commit: only the row knows whether this delivery has recorded its step.

    If it has, what it claimed with it is given back for the next link to claim; and if it has recorded others with it, the rows are
    asked what is next.
    """
    mine = SagaStep.objects.filter(
        saga_id=message.saga_id,
        name=message.step,
        direction=message.direction.value,
        task_id=message.task_id,
        state=StepState.DONE.value,
    )
    if not mine.exists():
        return Verdict.STOP
    if undone.claim is not None:
        release_claim(undone.claim)
    if undone.its_own:
        return Verdict.CARRY_ON
    knock(message.saga_id)
    return Verdict.STOP
