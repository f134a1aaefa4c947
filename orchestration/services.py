"""What an app, a view or a person may ask of the engine."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from orchestration.core import registry
from orchestration.core.definition import SagaDefinition
from orchestration.core.plan import pivot_has_begun
from orchestration.core.references import Message
from orchestration.core.states import FORWARD_STATES, TERMINAL, SagaState, StepState
from orchestration.engine import outbox
from orchestration.engine.failures import begin_undo
from orchestration.engine.history import move, note
from orchestration.engine.incidents import resolve_incidents
from orchestration.engine.locks import lock_saga
from orchestration.engine.reading import database_now, newest_rows, view_of
from orchestration.errors import BusinessKeyTaken, OutboxOutsideTransaction, TransitionRefused
from orchestration.models import Saga, SagaEvent, SagaStep


def start_saga(
    definition: SagaDefinition,
    *,
    input: Message,
    business_key: str,
    reference: str = "",
    product_line: str = "",
    partition_key: str = "",
) -> Saga:
    """Start a saga in the caller's transaction: it begins if and only if that transaction commits.

    Idempotent by (definition name, business key).

    Args:
        definition: what to run; its version stays with the saga.
        input: what it is started with; stored as JSON.
        business_key: what it is about; events find the saga by it. At most 200 characters.
        reference: how people call it, shown in the broker's task arguments and the admin.
        product_line: which variant of the business it belongs to.
        partition_key: groups sagas that live together.

    Raises:
        OutboxOutsideTransaction: no transaction is open.
        BusinessKeyTaken: a saga of that key exists with another input.
        TypeError: the input is not of the definition's type.
    """
    if not connection.in_atomic_block:
        raise OutboxOutsideTransaction(
            "start_saga must be inside the transaction that saves what the saga is about"
        )
    if not isinstance(input, definition.input):
        raise TypeError(
            f"{definition} is started with {definition.input.__name__}, not {type(input).__name__}"
        )
    data = input.model_dump(mode="json")
    try:
        with transaction.atomic():
            saga = Saga.objects.create(
                definition=definition.name,
                version=definition.version,
                fingerprint=definition.fingerprint,
                business_key=business_key,
                reference=reference,
                input=data,
                product_line=product_line,
                partition_key=partition_key,
                trace_id=uuid4().hex,
                deadline=database_now() + timedelta(seconds=definition.deadline)
                if definition.deadline
                else None,
                wake_at=Now() + timedelta(seconds=5),
                last_seq=1,
            )
    except IntegrityError:
        return _already_started(definition, business_key, data)
    SagaEvent.objects.create(
        saga=saga,
        seq=1,
        kind="started",
        after=SagaState.ACCEPTED.value,
        who="engine",
        data={"definition": str(definition)},
    )
    outbox.put("dispatch", saga_id=saga.id)
    return saga


def find_saga(definition: str, business_key: str) -> Saga | None:
    """The saga of a definition's name for a business key, or None."""
    return Saga.objects.filter(definition=definition, business_key=business_key).first()


def publish_event(
    *,
    type: str,
    source: str,
    key: str,
    data: dict[str, Any] | None = None,
    event_id: str | None = None,
) -> str:
    """Publish an event in the caller's transaction.

    Args:
        type: past tense, e.g. `shipping.dispatched`.
        source: who says so.
        key: business key of the sagas it is for.
        data: small, JSON.
        event_id: stable id for deduplication; a new one by default.

    Returns:
        The event's id.

    Raises:
        OutboxOutsideTransaction: no transaction is open.
    """
    identity = event_id or str(uuid4())
    envelope = {
        "specversion": "1.0",
        "id": identity,
        "type": type,
        "source": source,
        "key": key,
        "time": database_now().isoformat(),
        "data": data or {},
    }
    outbox.put("event", payload=envelope)
    return identity


def cancel_saga(*, saga_id: UUID, by: str, reason: str = "") -> Saga:
    """Stop a saga and have it undone. Opens a transaction, or joins the caller's; locks the saga row.

    Idempotent: a saga that was already cancelled, or is being undone for it, is returned as it is.

    Raises:
        SagaNotFound: there is no such saga.
        TransitionRefused: it has passed its point of no return, has ended, or is being undone for another reason; the
            message says which. Nothing has changed.
    """
    with transaction.atomic():
        saga = lock_saga(saga_id)
        state = SagaState(saga.state)
        if (saga.failure or {}).get("kind") == "cancel":
            return saga
        if state in TERMINAL:
            raise TransitionRefused(f"it has already ended: {state.value}")
        if state not in FORWARD_STATES:
            raise TransitionRefused("it is already being undone")
        definition = registry.find(saga.definition, saga.version)
        if pivot_has_begun(definition, view_of(saga, definition, newest_rows(saga))):
            pivot = definition.pivot.name if definition.pivot is not None else "the pivot"
            raise TransitionRefused(f"{pivot} has begun or is done, and cannot be undone")
        if saga.paused:
            saga.paused = (
                False  # asking for the end also ends a pause; otherwise nothing would ever be undone
            )
            note(saga, "unpaused", who=by)
        begin_undo(saga, kind="cancel", step=None, error={"message": reason or f"cancelled by {by}"}, who=by)
        saga.save()
        outbox.put("dispatch", saga_id=saga.id)
        return saga


def pause_saga(*, saga_id: UUID, by: str) -> Saga:
    """Hold a saga where it is; what is under way is finished and recorded. Idempotent."""
    with transaction.atomic():
        saga = lock_saga(saga_id)
        if not saga.paused:
            if SagaState(saga.state) in TERMINAL:
                raise TransitionRefused(f"it has already ended: {saga.state}")
            saga.paused, saga.wake_at = True, None
            saga.epoch += 1
            note(saga, "paused", who=by)
            saga.save()
        return saga


def resume_saga(*, saga_id: UUID, by: str) -> Saga:
    """Let a paused saga go on. Idempotent."""
    with transaction.atomic():
        saga = lock_saga(saga_id)
        if saga.paused:
            saga.paused, saga.wake_at = False, Now()
            note(saga, "unpaused", who=by)
            saga.save()
            outbox.put("dispatch", saga_id=saga.id)
        return saga


def retry_step(*, saga_id: UUID, step: str, direction: str, by: str, reason: str) -> Saga:
    """Have a step that was given up tried again, with its attempts counted from zero; closes its incidents.

    The idempotency key stays: nothing was decided about the effect, so the provider must still see one.

    Raises:
        TransitionRefused: the step was not given up, or the saga has ended or goes another way.
    """
    with transaction.atomic():
        saga = lock_saga(saga_id)
        row = (
            SagaStep.objects.select_for_update()
            .filter(saga=saga, name=step, direction=direction)
            .order_by("-generation")
            .first()
        )
        if row is None or row.state not in (StepState.FAILED.value, StepState.REJECTED.value):
            raise TransitionRefused(f"{step} ({direction}) was not given up, so there is nothing to retry")
        state = SagaState(saga.state)
        undoing = direction != "forward"
        if undoing != (state in (SagaState.COMPENSATING, SagaState.UNDO_FAILED)) or (
            not undoing and state not in FORWARD_STATES
        ):
            raise TransitionRefused(f"the saga is {state.value}, so {step} ({direction}) cannot run now")
        row.state, row.due_at, row.sent_at, row.ended_at = StepState.PENDING.value, None, None, None
        row.attempts = row.deliveries = 0
        row.save()
        note(saga, "retry_asked", who=by, step=step, direction=direction, reason=reason)
        if state is SagaState.UNDO_FAILED:
            move(saga, SagaState.COMPENSATING, "undo_resumed", who=by, step=step)
        saga.wake_at = Now()
        saga.save()
        resolve_incidents(saga, step=step, by=by, resolution=reason)
        outbox.put("dispatch", saga_id=saga.id)
        return saga


def _already_started(definition: SagaDefinition, business_key: str, data: dict[str, Any]) -> Saga:
    saga = Saga.objects.get(definition=definition.name, business_key=business_key)
    if saga.input != data:
        raise BusinessKeyTaken(
            f"{definition.name} already runs for {business_key!r} with another input (saga {saga.id})"
        )
    return saga
