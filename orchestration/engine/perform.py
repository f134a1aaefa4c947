"""Performing one delivery of a step: claim, attempt, and where this worker runs ahead, the steps behind it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from orchestration.conf import engine_settings
from orchestration.core import registry
from orchestration.core.states import FINISHED, StepState
from orchestration.crash_points import reach
from orchestration.engine.ahead import Ahead, lease_of
from orchestration.engine.attempts import Attempt, Verdict
from orchestration.engine.claims import Delivery, StepMessage, claim_step
from orchestration.engine.failures import give_up_killer
from orchestration.engine.participants import Participant
from orchestration.engine.release import release_claim
from orchestration.engine.sharing import RanAhead, reach_claimed, share
from orchestration.engine.transport import knock
from orchestration.errors import StepError, UnknownDefinition
from orchestration.models import SagaStep


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
        ahead: how far this worker may go on by itself; by default not at all. The next step is claimed in the statement that
            records the one before, so each has its own transaction, lease and delivery count as if a message had brought it.

    Raises:
        StepError: the step is given up, and that is recorded; the task is to fail so that `link_error` knocks.
    """
    reach("K6", about=[message.saga_id], direction=message.direction, step=message.step)
    reference = participant.reference
    delivery = claim_step(
        message, task=reference.task, external=reference.is_external, lease=lease_of(reference)
    )
    if delivery is None or delivery.claim is None:
        return Performed(_refused(message, delivery))
    try:
        definition = registry.find(delivery.saga["definition"], delivery.saga["version"])
    except UnknownDefinition:
        release_claim(delivery.claim)
        return Performed(Verdict.STOP)
    first = Attempt(participant, message, delivery, delivery.claim, definition, ahead)
    shared = share(first)
    if shared is not None:
        return _go_on(Performed(shared.verdict, shared.ahead), shared.last)
    return _go_on(Performed(_try(first)), first)


def _go_on(performed: Performed, attempt: Attempt) -> Performed:
    """With the step that was claimed last, and those behind it, each in a transaction of its own."""
    while (following := attempt.following) is not None:
        _reach_between(attempt.message)
        attempt = following
        performed.verdict = _try_ahead(attempt, performed)
    return performed


def _try(attempt: Attempt) -> Verdict:
    message, claim = attempt.message, attempt.claim
    if claim.deliveries - claim.attempts > engine_settings().MAX_CRASHES:
        raise give_up_killer(message.saga_id, claim.row_id, attempt.definition)
    reach_claimed(message)
    return attempt.run()


def _try_ahead(attempt: Attempt, performed: Performed) -> Verdict:
    """Like a message of its own: a failure is this step's, and not that of the step whose message has led here."""
    began, error = time.monotonic(), None
    try:
        verdict = _try(attempt)
    except StepError as given_up:
        verdict, error = Verdict.STOP, given_up
        knock(attempt.message.saga_id)  # as `link_error` would
    performed.ahead.append(
        RanAhead(
            attempt.participant.reference.task,
            attempt.message.task_id,
            attempt.message.step,
            began,
            time.monotonic() - began,
            error,
        )
    )
    return verdict


def _reach_between(message: StepMessage) -> None:
    reach("K10", about=[message.saga_id], direction=message.direction, step=message.step)


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
