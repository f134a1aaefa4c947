"""Settling an unknown outcome before undo: did the forward step act, and will it never act from now on?

First the key is cancelled at the provider, after which it refuses that key. Without that, a look-up that finds nothing
is believed only the second time, later than lease plus timeout: a worker frozen before its call may still wake and act.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from uuid import UUID

from django.db import InterfaceError, OperationalError
from pydantic import ValidationError

from orchestration.conf import engine_settings
from orchestration.core.definition import registry
from orchestration.core.definition.binding import build_command
from orchestration.core.definition.policy import SETTLE
from orchestration.core.definition.references import Message
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.planning.kinds import HistoryKind, IncidentKind
from orchestration.core.planning.states import Direction, SagaState, StepState
from orchestration.core.storable import cut_to_fit, facts_of
from orchestration.core.storable_errors import storable_error
from orchestration.engine.database.conflicts import again_after_conflict
from orchestration.engine.database.connection import transaction
from orchestration.engine.database.errors import is_outage
from orchestration.engine.incidents.opening import (
    CLOSE_BY_THEMSELVES,
    is_open,
    open_incident,
    resolve_incidents,
)
from orchestration.engine.rows.history import note
from orchestration.engine.rows.locks import lock_saga
from orchestration.engine.rows.reading import database_now
from orchestration.engine.rows.steps import move_step
from orchestration.engine.steps.attempt import context_for
from orchestration.engine.steps.bad_commands import KIND as BAD_COMMAND
from orchestration.engine.steps.bad_commands import LOOK_AGAIN, not_built
from orchestration.engine.steps.consequences import UNREACHABLE_AFTER
from orchestration.engine.steps.interruptions import as_failure
from orchestration.engine.steps.leases import renewed
from orchestration.engine.steps.participants import Participant
from orchestration.engine.steps.rights import Right, claim_to_settle
from orchestration.errors import EffectDiffers, StepRetryable
from orchestration.models import Saga, SagaStep
from orchestration.sentences import explained

logger = logging.getLogger(__name__)

LOOKED = "looked_up_once"
NOBODY_TO_ASK = 600.0
"""Seconds until a step of which a person has been told is looked at again: it may be mended, or new code brings a look-up."""


def settle(participant: Participant, saga_id: UUID, step: str) -> None:
    """Settle one forward step of a saga that is being undone. May be called any number of times.

    No transaction is open while the provider is asked. Its errors leave the outcome unknown, to be asked again later.
    """
    reference = participant.reference
    saga = Saga.objects.get(id=saga_id)
    definition = registry.find(saga.definition, saga.version)
    if not _performs(participant, definition, step):
        logger.warning(
            "saga %s: %s was asked what became of a step that it does not perform", saga_id, reference
        )
        return
    is_pivot = definition.steps[step].pivot
    claimed = claim_to_settle(saga_id, step, is_pivot=is_pivot, lease=engine_settings().LEASE_SECONDS)
    if claimed is None:
        return
    right, earlier = claimed
    known = SagaStep.objects.filter(saga=saga, direction="forward", state="done").exclude(result=None)
    results = {row.name: row.result or {} for row in known}
    try:
        command = build_command(definition, definition.steps[step], reference.takes, saga.input, results)
    except ValidationError as error:
        bad = not_built(step, error)
        logger.error("saga %s: %s", saga_id, bad.message)
        _record_unsettled(saga_id, right, bad, Told(BAD_COMMAND, bad.message))
        return
    context = context_for(saga, step, Direction.FORWARD, right)
    ask = participant.refuse or participant.find
    if ask is None:
        message = f"{step} declares neither look_up nor cancel_by_key"
        _record_unsettled(saga_id, right, None, Told(IncidentKind.CANNOT_SETTLE, message))
        return
    try:
        with renewed(right, reference.timeout):
            found = ask(command, context)
        if found is not None:
            participant.check_result(found)
            found, _ = participant.as_stored(found)
    except EffectDiffers as error:
        _record_unsettled(
            saga_id, right, error, Told(IncidentKind.EFFECT_DIFFERS, storable_error(error)["message"])
        )
        return
    except StepRetryable as error:  # the provider is silent, or busy
        _record_unsettled(saga_id, right, error)
        return
    except BaseException as raised:
        failure = as_failure(raised)
        # There was an answer and nobody can make sense of it, or the look-up itself is wrong: asking again may not help.
        told = Told(IncidentKind.CANNOT_SETTLE, storable_error(failure)["message"], rests=False)
        _record_unsettled(saga_id, right, failure, told)
        return
    looked_twice = bool((earlier or {}).get(LOOKED))
    certain = participant.refuse is not None or looked_twice
    milestone = definition.steps[step].milestone or ""

    @again_after_conflict
    def record() -> None:
        with transaction.atomic():
            if found is not None and participant.save is not None:
                participant.save(command, found, context)
            locked = lock_saga(saga_id)
            row = SagaStep.objects.select_for_update().get(id=right.row_id)
            if row.token != right.token:
                transaction.set_rollback(True)
                return
            _write(locked, row, found, command, certain, reference.timeout, milestone)

    try:
        record()
    except BaseException as raised:
        failure = as_failure(raised)
        if is_outage(failure) or isinstance(failure, OperationalError | InterfaceError):
            raise  # the message comes again, or the lease runs out
        # Nothing would be left of it but a failed task: the money held, the saga waiting, and nobody told.
        logger.exception("saga %s: what became of %s cannot be recorded", saga_id, step)
        message = (
            f"what became of {step} is known, and cannot be recorded: {storable_error(failure)['message']}"
        )
        _record_unsettled(saga_id, right, failure, Told(IncidentKind.CANNOT_RECORD, message))


def _performs(participant: Participant, definition: SagaDefinition, step: str) -> bool:
    """Whether a step is this participant's: another provider knows nothing of the step's key, and would say it never acted."""
    try:
        return definition.reference(step, Direction.FORWARD.value).task == participant.reference.task
    except LookupError:
        return False


@dataclass(frozen=True, slots=True)
class Told:
    """What a person is told at once."""

    kind: IncidentKind
    message: str
    rests: bool = True
    """Whether it is looked at again only after a while, because nothing but a person or new code is likely to change it."""


def _write(
    saga: Saga,
    row: SagaStep,
    found: Message | None,
    command: Message,
    certain: bool,
    timeout: float,
    milestone: str,
) -> None:
    settled = StepState.DONE if found is not None else StepState.ABSENT if certain else None
    kind = HistoryKind.OUTCOME_SETTLED if settled is not None else HistoryKind.OUTCOME_STILL_UNKNOWN
    note(saga, kind, step=row.name, direction=row.direction, outcome=settled or row.state)
    if settled is None:
        row.lease_until, row.error = None, {**(row.error or {}), LOOKED: True}
        saga.wake_at = row.rest(engine_settings().LEASE_SECONDS + timeout, since=database_now())
    else:
        move_step(saga, row, settled)
        row.unsure = False
        resolve_incidents(
            saga, step=row.name, kind=CLOSE_BY_THEMSELVES, by="engine", resolution="It is settled."
        )
    if found is not None:
        if saga.state != SagaState.COMPENSATING.value:
            saga.milestone = milestone or saga.milestone
        # It exists, so it is recorded, however large: what undoes it may need only its id.
        row.input, row.result = facts_of(command), cut_to_fit(facts_of(found))
        row.result_type, row.error = type(found).__name__, None
    row.save()
    saga.save(update_fields=["last_seq", "wake_at", "milestone"])


@again_after_conflict
def _record_unsettled(saga_id: UUID, right: Right, error: Exception | None, told: Told | None = None) -> None:
    """Write that the outcome is still unknown, and when it is asked for again.

    A provider that is silent for longer than UNREACHABLE_AFTER is told of as well: until it answers, the saga stands still.
    """
    with transaction.atomic():
        saga = lock_saga(saga_id)
        row = SagaStep.objects.select_for_update().get(id=right.row_id)
        if row.token != right.token:
            return
        now = database_now()
        facts = storable_error(error) if error is not None else None
        asked = error.retry_after if isinstance(error, StepRetryable) else None
        delay = (
            NOBODY_TO_ASK
            if told is not None and told.rests
            else SETTLE.delay(ended_attempts=row.deliveries, asked=asked)
        )
        silent_for = now - (row.started_at or now)
        if told is None and asked is None and silent_for <= UNREACHABLE_AFTER:
            # Whoever is to hear of it then hears of it then, and not a pause later.
            delay = min(delay, (UNREACHABLE_AFTER - silent_for).total_seconds() + 1.0)
        row.lease_until = None
        saga.wake_at = row.rest(delay, since=now)
        if told is not None and told.kind == BAD_COMMAND:
            row.due_at, saga.wake_at = None, now + LOOK_AGAIN
        row.save()
        if told is None and silent_for > UNREACHABLE_AFTER:
            message = explained(
                f"nobody answers what became of {row.name}", facts["message"] if facts else ""
            )
            told = Told(IncidentKind.CANNOT_REACH, message)
        if told is None or not is_open(saga, told.kind, step=row.name):
            note(
                saga,
                HistoryKind.OUTCOME_STILL_UNKNOWN,
                step=row.name,
                direction=row.direction,
                message=facts["message"] if facts else "",
            )
        if told is not None:
            open_incident(saga, told.kind, step=row.name, message=told.message)
        saga.save(update_fields=["last_seq", "wake_at"])
