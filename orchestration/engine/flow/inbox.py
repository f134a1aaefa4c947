"""Taking events in: stored once by (source, id), and delivered to every saga of the business key that is open then.

A saga that starts later gets an event only while no saga has had it. One that came too late is kept as ignored, with the reason.
"""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from orchestration.conf import engine_settings
from orchestration.core.definition import registry
from orchestration.engine.database.conflicts import again_after_conflict
from orchestration.engine.database.connection import transaction
from orchestration.engine.flow.deliveries import deliver, undelivered
from orchestration.engine.flow.waits import offer
from orchestration.engine.messages.envelope import check_envelope
from orchestration.engine.rows.locks import lock_saga
from orchestration.errors import SagaNotFound, UnknownDefinition
from orchestration.models import InboxDelivery, InboxMessage, Saga

logger = logging.getLogger(__name__)


def receive_event(envelope: dict[str, Any]) -> list[UUID]:
    """Store an event, and deliver it to the sagas of its key. Opens short transactions of its own.

    The event and a delivery for each saga concerned are stored together; each is then applied in a transaction that locks its saga
    only, and where there is one saga all that is one transaction. A worker that dies in between loses nothing: the sweep has what
    is left looked at. Idempotent by (source, id), with one exception: data under an id that no saga has had applied, because they
    do not fit, are replaced by other data from the same source.

    Returns:
        The sagas that are to be looked at now.

    Raises:
        InvalidEnvelope: a field is missing, its version is unknown, or it is too large.
    """
    check_envelope(envelope, most_bytes=engine_settings().MAX_MESSAGE_BYTES)
    message, left, applied = _store(envelope)
    if message.parked:
        # A saga that was just being started did not see the event, nor did the event see the saga. Now one of both does.
        left = [
            saga.id for saga in _sagas(message.key) if saga.ended_at is None and _may_wait(saga, message.type)
        ]
    for saga_id in left:
        if _deliver_to(saga_id, message.id):
            applied = [*applied, saga_id]
    return applied


@again_after_conflict
def _store(envelope: dict[str, Any]) -> tuple[InboxMessage, list[UUID], list[UUID]]:
    """The event as it is stored now, the sagas it is still to be delivered to, and those it was applied to just now."""
    key, event = envelope["key"], envelope["type"]
    with transaction.atomic():
        sagas = _sagas(key)
        concerned = [saga for saga in sagas if saga.ended_at is None and _may_wait(saga, event)]
        missed = [
            saga for saga in sagas if saga.ended_at is not None and _may_wait(saga, event, unknown=False)
        ]
        message, is_new = InboxMessage.objects.get_or_create(
            source=envelope["source"],
            event_id=envelope["id"],
            defaults={
                "type": event,
                "key": key,
                "envelope": envelope,
                "parked": not concerned and not missed,
            },
        )
        if not is_new:
            return message, _still_due(message, envelope), []
        if not registry.waits_for(event):
            logger.warning(
                "event %s is kept: no saga that is known here waits for its type, %s", message.event_id, event
            )
        if len(concerned) > 1:
            InboxDelivery.objects.bulk_create(
                InboxDelivery(saga=saga, message=message, state="due", due_at=Now()) for saga in concerned
            )
            return message, [saga.id for saga in concerned], []
        # The newest of those that have ended is the one that it came too late for.
        chosen = concerned or missed[-1:]
        return message, [], [saga.id for saga in chosen if _apply_to(saga.id, message)]


@again_after_conflict
def _deliver_to(saga_id: UUID, message_id: UUID) -> bool:
    with transaction.atomic():
        return _apply_to(saga_id, message_id)


def _apply_to(saga_id: UUID, stored: InboxMessage | UUID) -> bool:
    """Give an event to one saga, under its lock. Idempotent. Inside a transaction."""
    try:
        saga = lock_saga(saga_id)
    except SagaNotFound:
        return False  # it was pruned meanwhile
    message = stored if isinstance(stored, InboxMessage) else undelivered(saga).filter(id=stored).first()
    if message is None:
        return False
    try:
        definition = registry.find(saga.definition, saga.version)
    except UnknownDefinition:
        # It is kept for the saga, and that is looked at: code that knows it applies the event, also to a wait long open.
        deliver(saga, message, state="parked")
        Saga.objects.filter(id=saga.id, ended_at=None, paused=False).update(wake_at=Now())
        return False
    applied = offer(saga, definition.waits_for(message.type), message)
    saga.save()
    return applied


def _still_due(message: InboxMessage, envelope: dict[str, Any]) -> list[UUID]:
    """What an event that is told again is still to be delivered to; its data are replaced if they fit no saga."""
    deliveries = list(InboxDelivery.objects.filter(message=message, state__in=["due", "applied"]))
    due = [each for each in deliveries if each.state == "due"]
    is_mended = (
        any(each.reason for each in due)
        and len(due) == len(deliveries)
        and (message.type, message.key) == (envelope["type"], envelope["key"])
        and message.envelope.get("data") != envelope.get("data")
    )
    if is_mended:
        InboxMessage.objects.filter(id=message.id).update(envelope=envelope)
    return [each.saga_id for each in due if is_mended or not each.reason]


def _sagas(key: str) -> list[Saga]:
    return list(
        Saga.objects.filter(business_key=key)
        .only("id", "definition", "version", "ended_at")
        .order_by("created_at")
    )


def _may_wait(saga: Saga, event: str, *, unknown: bool = True) -> bool:
    """Whether the saga's flow waits for events of this type.

    Args:
        saga: of any state.
        event: its type.
        unknown: the answer where this process does not know the definition.
    """
    try:
        return bool(registry.find(saga.definition, saga.version).waits_for(event))
    except UnknownDefinition:
        return unknown
