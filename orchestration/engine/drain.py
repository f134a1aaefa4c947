"""Sending the outbox: by the relay of the process that wrote it (fast), and by every worker's heartbeat (certain)."""

from __future__ import annotations

import logging
from datetime import timedelta
from uuid import UUID

from django.db import DatabaseError, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from orchestration.conf import engine_settings
from orchestration.engine.advance import advance
from orchestration.engine.transport import transport
from orchestration.errors import SagaNotFound, SendFailed
from orchestration.models import OutboxMessage

logger = logging.getLogger(__name__)

CLAIM_FOR = timedelta(seconds=15)
"""A relay that dies while sending holds its messages back for so long."""


def drain(only: Q | None = None) -> int:
    """Send what is not yet sent (or the part of it that `only` names), oldest first, one batch. Returns how many.

    Rows are claimed with SKIP LOCKED in a short transaction and sent with none open; several relays share the work.
    A message the broker refuses stays and is sent by a later drain.
    """
    with transaction.atomic():
        free = Q(claimed_until=None) | Q(claimed_until__lte=Now())
        batch = list(
            OutboxMessage.objects.select_for_update(skip_locked=True)
            .filter(free, only or Q(), sent_at=None)
            .order_by("id")[: engine_settings().SWEEP_BATCH]
        )
        OutboxMessage.objects.filter(id__in=[m.id for m in batch]).update(claimed_until=Now() + CLAIM_FOR)
    sent: list[int] = []
    for message in batch:
        try:
            _send(message)
        except SendFailed as error:
            logger.warning("outbox: %s messages wait for the broker: %s", len(batch) - len(sent), error)
            left = OutboxMessage.objects.filter(id__in=[m.id for m in batch if m.id not in sent])
            left.update(claimed_until=None, failures=F("failures") + 1, last_error=str(error)[:500])
            break
        except DatabaseError:
            raise  # every other message would fail the same way
        except Exception:
            # One message that cannot be sent must not hold back those behind it; it is tried again after its claim.
            logger.exception("outbox message %s could not be sent", message.id)
            continue
        sent.append(message.id)
    OutboxMessage.objects.filter(id__in=sent).update(sent_at=Now(), claimed_until=None)
    return len(sent)


def _send(message: OutboxMessage) -> None:
    if message.kind == "event":
        transport().send_event(message.payload)
        return
    try:
        advance(message.saga_id or UUID(int=0))  # the database demands one of a dispatch
    except SagaNotFound:
        logger.warning("outbox message %s names a saga that no longer exists", message.id)
