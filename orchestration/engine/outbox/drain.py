"""Sending the outbox: by the relay of the process that wrote it (fast), and by every worker's heartbeat (certain)."""

from __future__ import annotations

import logging
from datetime import timedelta
from uuid import UUID

from django.db import DatabaseError
from django.db.models import F, Q
from django.db.models.functions import Now

from orchestration.conf import engine_settings
from orchestration.core.planning.states import Direction
from orchestration.crash.points import CrashPoint, reach
from orchestration.engine.database.connection import transaction
from orchestration.engine.flow.advance import advance
from orchestration.engine.flow.dispatch import First, first_of
from orchestration.engine.messages.seals import sealed
from orchestration.engine.messages.transport import transport
from orchestration.engine.outbox.copies import receipt_of
from orchestration.errors import SagaNotFound, SendFailed
from orchestration.models import OutboxMessage

logger = logging.getLogger(__name__)

CLAIM_FOR = timedelta(seconds=15)
"""A relay that dies while sending holds its messages back for so long."""
LONGEST_WAIT = timedelta(seconds=8)
"""Between two tries of one message. What waits for a broker that is back goes out within it, however long it was away."""


def drain(only: Q | None = None) -> int:
    """Send what is not yet sent (or the part of it that `only` names), oldest first, one batch. Returns how many.

    Rows are claimed with SKIP LOCKED in a short transaction and sent with none open; several relays share the work.
    A message the broker refuses stays, and is tried again by later drains, ever more slowly up to LONGEST_WAIT. Those
    behind it stay too, and the next drain begins with them.

    Raises:
        SendFailed: the broker took no message, or no more; what it had taken before is marked as sent.
    """
    batch = _claim(only)
    if not batch:
        return 0
    reach(CrashPoint.OUTBOX_CLAIMED, about=_subjects(batch))
    first = first_of(message.saga_id for message in batch if message.saga_id is not None)
    sent: list[int] = []
    refused: SendFailed | None = None
    for number, message in enumerate(batch):
        try:
            _send(message, first.get(message.saga_id) if message.saga_id else None)
        except SendFailed as error:
            refused = error
            _put_off(message, str(error))
            # An attempt may outlast the claim. Whoever took the message meanwhile has found its steps just sent, by us, and
            # marked it so.
            OutboxMessage.objects.filter(id=message.id, kind="dispatch").update(sent_at=None)
            # The others were not tried. With the first one put off the next drain begins with the second: a broker that
            # refuses one message alone holds up no other.
            OutboxMessage.objects.filter(id__in=[m.id for m in batch[number + 1 :]]).update(
                claimed_until=None
            )
            break
        except DatabaseError:
            raise  # every other message would fail the same way
        except Exception as error:
            # One message that cannot be sent must not hold back those behind it.
            logger.exception("outbox message %s could not be sent", message.id)
            _put_off(message, type(error).__name__)
            continue
        sent.append(message.id)
    if sent:
        reach(CrashPoint.OUTBOX_PUBLISHED, about=_subjects(batch))
        with transaction.atomic():
            OutboxMessage.objects.filter(id__in=sent).update(sent_at=Now(), claimed_until=None)
            reach(CrashPoint.OUTBOX_MARKING, about=_subjects(batch))
        reach(CrashPoint.OUTBOX_MARKING, about=_subjects(batch), committed=True)
    if refused is not None:
        raise refused
    return len(sent)


def _claim(only: Q | None) -> list[OutboxMessage]:
    with transaction.atomic():
        free = Q(claimed_until=None) | Q(claimed_until__lte=Now())
        batch = list(
            OutboxMessage.objects.select_for_update(skip_locked=True)
            .filter(free, only or Q(), sent_at=None)
            .order_by("id")[: engine_settings().SWEEP_BATCH]
        )
        if batch:
            ids = [message.id for message in batch]
            OutboxMessage.objects.filter(id__in=ids).update(claimed_until=Now() + CLAIM_FOR)
    return batch


def _put_off(message: OutboxMessage, told: str) -> None:
    """Count a failure to send; the next try comes after 1, 2, 4 … seconds."""
    delay = min(timedelta(seconds=2 ** min(message.send_failures, 10)), LONGEST_WAIT)
    OutboxMessage.objects.filter(id=message.id).update(
        claimed_until=Now() + delay, send_failures=F("send_failures") + 1, last_error=told[:500]
    )


def _subjects(batch: list[OutboxMessage]) -> list[object]:
    """Which sagas these messages are about: their ids, or for events their business keys."""
    return [message.saga_id or message.payload.get("key") for message in batch]


def _send(message: OutboxMessage, first: First | None) -> None:
    if message.kind == "event":
        if message.queue:
            transport().send_copy(message.queue, sealed(message.payload), receipt_of(message))
        else:
            transport().send_event(sealed(message.payload))
        return
    if first is not None:
        reach(CrashPoint.NEXT_DECIDED, about=[first.address.saga_id], direction=Direction.FORWARD)
        for canvas in first.canvases:
            transport().send_canvas(first.address, canvas)
        return
    try:
        advance(message.saga_id or UUID(int=0))  # the database demands one of a dispatch
    except SagaNotFound:
        logger.warning("outbox message %s names a saga that no longer exists", message.id)
