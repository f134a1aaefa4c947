"""Settling an unknown outcome before undo: did the forward step act, and will it never act from now on?

First the key is cancelled at the provider, after which it refuses that key. Without that, a look-up that finds nothing
is believed only the second time, later than lease plus timeout: a worker frozen before its call may still wake and act.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from orchestration.conf import engine_settings
from orchestration.core import registry
from orchestration.core.binding import build_command
from orchestration.core.policy import SETTLE
from orchestration.core.references import Message
from orchestration.core.states import Direction, SagaState, StepState
from orchestration.engine.claims import Claim, StepMessage, claim_unsettled
from orchestration.engine.conflicts import again_after_conflict
from orchestration.engine.contexts import context_for
from orchestration.engine.history import note
from orchestration.engine.incidents import open_incident
from orchestration.engine.leases import renewed
from orchestration.engine.locks import lock_saga
from orchestration.engine.participants import Participant
from orchestration.engine.reading import database_now
from orchestration.errors import StepRetryable
from orchestration.models import Incident, Saga, SagaStep

LOOKED = "looked_up_once"
NOBODY_TO_ASK = 600.0
"""Seconds until a step that cannot be looked up is tried again: a person settles it, or new code brings a look-up."""


def settle(participant: Participant, saga_id: UUID, step: str) -> None:
    """Settle one forward step of a saga that is being undone. May be called any number of times.

    No transaction is open while the provider is asked. Its errors leave the outcome unknown, to be asked again later.
    """
    reference = participant.reference
    saga = Saga.objects.get(id=saga_id)
    definition = registry.find(saga.definition, saga.version)
    is_pivot = definition.steps[step].pivot
    claimed = claim_unsettled(saga_id, step, is_pivot=is_pivot, lease=engine_settings().LEASE_SECONDS)
    if claimed is None:
        return
    claim, earlier = claimed
    known = SagaStep.objects.filter(saga=saga, direction="forward", state="done").exclude(result=None)
    results = {row.name: row.result or {} for row in known}
    command = build_command(definition, definition.steps[step], reference.takes, saga.input, results)
    message = StepMessage(saga_id, step, Direction.FORWARD, saga.epoch, (), "")
    facts = {
        "business_key": saga.business_key,
        "trace_id": saga.trace_id,
        "product_line": saga.product_line,
        "failure": None,
    }

    context = context_for(message, facts, claim)
    ask = participant.refuse or participant.find
    if ask is None:
        _record_unsettled(saga_id, claim, None, incident=True)
        return
    try:
        with renewed(claim, reference.timeout):
            found = ask(command, context)
    except Exception as error:  # the provider's answer is still missing, whatever the error
        _record_unsettled(saga_id, claim, error, incident=False)
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
            row = SagaStep.objects.select_for_update().get(id=claim.row_id)
            if row.token != claim.token:
                transaction.set_rollback(True)
                return
            _write(locked, row, found, command, certain, reference.timeout, milestone)

    record()


def _write(
    saga: Saga,
    row: SagaStep,
    found: Message | None,
    command: Message,
    certain: bool,
    timeout: float,
    milestone: str,
) -> None:
    row.lease_until = None
    if found is not None:
        row.state, row.unsure, row.error = StepState.DONE.value, False, None
        if saga.state != SagaState.COMPENSATING.value:
            saga.milestone = milestone or saga.milestone
        row.input, row.result = command.model_dump(mode="json"), found.model_dump(mode="json")
        row.result_type = type(found).__name__
    elif certain:
        row.state, row.unsure = StepState.ABSENT.value, False
    else:
        row.error = {**(row.error or {}), LOOKED: True}
        row.due_at = database_now() + timedelta(seconds=engine_settings().LEASE_SECONDS + timeout)
        saga.wake_at = row.due_at
    kind = "outcome_still_unknown" if row.unsure else "outcome_settled"
    note(saga, kind, step=row.name, direction=row.direction, outcome=row.state)
    if not row.unsure:
        row.ended_at, row.done_seq = Now(), saga.last_seq
    row.save()
    saga.save(update_fields=["last_seq", "wake_at", "milestone"])


@again_after_conflict
def _record_unsettled(saga_id: UUID, claim: Claim, error: Exception | None, *, incident: bool) -> None:
    with transaction.atomic():
        saga = lock_saga(saga_id)
        row = SagaStep.objects.select_for_update().get(id=claim.row_id)
        if row.token != claim.token:
            return
        asked = error.retry_after if isinstance(error, StepRetryable) else None
        delay = NOBODY_TO_ASK if incident else SETTLE.delay(ended_attempts=row.deliveries, asked=asked)
        row.lease_until = None
        row.due_at = saga.wake_at = database_now() + timedelta(seconds=delay)
        row.save()
        known = Incident.objects.filter(saga=saga, kind="cannot_settle", step=row.name, resolved_at=None)
        if not (incident and known.exists()):
            note(
                saga,
                "outcome_still_unknown",
                step=row.name,
                direction=row.direction,
                message=str(error or ""),
            )
        if incident:
            told = f"{row.name} declares neither look_up nor cancel_by_key"
            open_incident(saga, "cannot_settle", step=row.name, message=told)
        saga.save(update_fields=["last_seq", "wake_at"])
