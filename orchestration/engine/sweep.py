"""The sweep: what the heartbeat of every worker does. Several at once are harmless.

It sends unsent outbox rows and looks at every saga whose `wake_at` has come: retries and deadlines that are due, leases
that ran out, messages that were lost. It never runs a step.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from orchestration.conf import engine_settings
from orchestration.engine.advance import advance
from orchestration.engine.drain import drain
from orchestration.errors import SendFailed
from orchestration.models import Saga

logger = logging.getLogger(__name__)

HELD_FOR = timedelta(seconds=5)
"""A sweeper that dies holds the sagas it had picked back for so long."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep did."""

    messages: int
    sagas: int


def sweep() -> Swept:
    """One round: unsent messages first, then sagas that are due. Opens short transactions of its own."""
    messages = drain()
    due = _pick_due()
    for saga_id in due:
        try:
            advance(saga_id, rescue=True)
        except SendFailed as error:
            logger.warning("sweep: the broker is away, sagas wait: %s", error)
            break
        except Exception:
            # One saga that cannot be planned must not keep the others from being swept.
            logger.exception("sweep: saga %s could not be advanced", saga_id)
    return Swept(messages, len(due))


def _pick_due() -> list[UUID]:
    """Take due sagas, skipping those that another sweep or a worker holds; pushed on so that none is taken twice."""
    with transaction.atomic():
        picked = list(
            Saga.objects.select_for_update(skip_locked=True, no_key=True)
            .filter(wake_at__lte=Now())
            .order_by("wake_at")
            .values_list("id", flat=True)[: engine_settings().SWEEP_BATCH]
        )
        Saga.objects.filter(id__in=picked).update(wake_at=Now() + HELD_FOR)
    return picked
