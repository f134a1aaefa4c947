"""Waiting for events without holding a worker, and applying each event at most once.

An event is stored once by (source, id). It is applied to the saga of its business key that waits for its type; it is
parked when that saga may still come to wait for it, and kept as ignored, with the reason, when it came too late.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models.functions import Now
from pydantic import ValidationError

from orchestration.conf import engine_settings
from orchestration.core import registry
from orchestration.core.definition import SagaDefinition
from orchestration.core.envelope import check_envelope
from orchestration.core.nodes import Wait
from orchestration.core.states import FORWARD_STATES, TERMINAL, Direction, SagaState, StepState
from orchestration.database import transaction
from orchestration.engine.conflicts import again_after_conflict
from orchestration.engine.history import move, note
from orchestration.engine.incidents import resolve_incidents
from orchestration.engine.locks import lock_saga
from orchestration.errors import UnknownDefinition
from orchestration.models import InboxMessage, Saga, SagaStep


def open_wait(saga: Saga, wait: Wait, now: datetime) -> None:
    """Open a wait of a locked saga; an event that came early is applied at once, in the same transaction."""
    row = SagaStep(
        saga=saga,
        name=wait.name,
        direction=Direction.FORWARD.value,
        state=StepState.WAITING.value,
        started_at=now,
    )
    row.rest(wait.within, since=now)
    row.save()
    note(saga, "wait_opened", step=wait.name, event=wait.event)
    _apply_parked(saga, row, wait)


def apply_parked(saga: Saga, definition: SagaDefinition) -> None:
    """Apply to a locked saga's open waits what was parked because a process did not know the saga's definition.

    During a rolling deployment an event may come to a worker of the older code; it wakes the saga for one of the newer.
    """
    if SagaState(saga.state) not in FORWARD_STATES:
        return
    open_waits = SagaStep.objects.filter(
        saga=saga, name__in=definition.waits, direction=Direction.FORWARD.value, state=StepState.WAITING.value
    )
    for row in open_waits:
        _apply_parked(saga, row, definition.waits[row.name])


def _apply_parked(saga: Saga, row: SagaStep, wait: Wait) -> None:
    parked = InboxMessage.objects.select_for_update().filter(
        key=saga.business_key, type=wait.event, state="parked"
    )
    for message in parked.order_by("received_at"):
        if _apply(saga, row, wait, message):
            return


@again_after_conflict
def receive_event(envelope: dict[str, Any]) -> Saga | None:
    """Store an event and apply it to the saga that waits for it. Opens a transaction.

    Idempotent by (source, id): a duplicate changes nothing.

    Returns:
        The saga that is to be looked at now, or None.

    Raises:
        InvalidEnvelope: a field is missing, its version is unknown, or it is too large.
    """
    check_envelope(envelope, most_bytes=engine_settings().MAX_MESSAGE_BYTES)
    with transaction.atomic():
        message, is_new = InboxMessage.objects.get_or_create(
            source=envelope["source"],
            event_id=envelope["id"],
            defaults={"type": envelope["type"], "key": envelope["key"], "envelope": envelope},
        )
        if not is_new:
            return None
        for candidate in Saga.objects.filter(business_key=message.key).order_by("created_at"):
            saga = lock_saga(candidate.id)
            if _offer(saga, message):
                saga.save()
                return saga
    return None


def ignore_parked(saga: Saga, definition: SagaDefinition) -> None:
    """Say of the events parked for a saga that ends now that nobody will wait for them any more."""
    events = {wait.event for wait in definition.waits.values()}
    if events:
        parked = InboxMessage.objects.filter(key=saga.business_key, type__in=events, state="parked")
        parked.update(state="ignored", saga_id=saga.id, reason="the saga ended without waiting for it")
        resolve_incidents(
            saga, kind="event_set_aside", by="engine", resolution="The saga ended without waiting for it."
        )


def _offer(saga: Saga, message: InboxMessage) -> bool:
    """Give an event to a locked saga. True when it was applied."""
    try:
        definition = registry.find(saga.definition, saga.version)
    except UnknownDefinition:
        # It stays parked, and the saga is looked at: code that knows it applies the event, also to a wait long open.
        Saga.objects.filter(id=saga.id, ended_at=None, paused=False).update(wake_at=Now())
        return False
    waits = [wait for wait in definition.waits.values() if wait.event == message.type]
    if not waits:
        return False
    if SagaState(saga.state) in TERMINAL or SagaState(saga.state) not in FORWARD_STATES:
        return _ignore(saga, message, f"the saga was already {saga.state}")
    for wait in waits:
        row = SagaStep.objects.filter(saga=saga, name=wait.name, state=StepState.WAITING.value).first()
        if row is not None and _apply(saga, row, wait, message):
            return True
    if message.state == "ignored":
        return False  # its data does not fit, and that stays the reason
    opened = SagaStep.objects.filter(saga=saga, name__in=[wait.name for wait in waits]).count()
    return opened == len(waits) and _ignore(saga, message, "every wait for it had already ended")


def _apply(saga: Saga, row: SagaStep, wait: Wait, message: InboxMessage) -> bool:
    data = message.envelope.get("data") or {}
    try:
        result = wait.gives.model_validate(data).model_dump(mode="json") if wait.gives is not None else data
    except ValidationError as error:
        return _ignore(saga, message, f"its data does not fit: {error.errors()[0]['msg']}")
    if saga.state == SagaState.WAITING.value:
        move(saga, SagaState.RUNNING, "event_applied", step=wait.name, event=message.event_id)
    else:
        note(saga, "event_applied", step=wait.name, event=message.event_id)
    if wait.milestone:
        saga.milestone = wait.milestone
    row.state, row.result = StepState.DONE.value, result
    row.result_type = wait.gives.__name__ if wait.gives is not None else None
    row.ended_at, row.done_seq, row.due_at, row.unsure = Now(), saga.last_seq, None, False
    row.save()
    resolve_incidents(saga, step=wait.name, by="engine", resolution="The event has come.")
    message.state, message.saga_id, message.applied_at = "applied", saga.id, Now()
    message.save()
    saga.wake_at = Now()
    return True


def _ignore(saga: Saga, message: InboxMessage, reason: str) -> bool:
    """Keep and show an event that is not applied. Returns False: nothing was applied."""
    message.state, message.saga_id, message.reason = "ignored", saga.id, reason[:200]
    message.save()
    note(saga, "event_ignored", event=message.event_id, type=message.type, reason=reason)
    saga.save(update_fields=["last_seq"])
    return False
