"""The sweep: what the heartbeat of every worker does. Several at once are harmless.

It sends unsent outbox rows and looks at every saga whose `wake_at` has come: retries and deadlines that are due, leases
that ran out, messages that were lost. It never runs a step.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import InterfaceError, OperationalError
from django.db.models.functions import Now

from orchestration.conf import engine_settings
from orchestration.core.planning.kinds import IncidentKind
from orchestration.core.storable import LONGEST_MESSAGE, storable_text
from orchestration.crash.points import CrashPoint, reach
from orchestration.engine.database.connection import transaction
from orchestration.engine.database.errors import LOCK_NOT_AVAILABLE, is_conflict, is_outage, sqlstate
from orchestration.engine.flow.advance import advance
from orchestration.engine.flow.misfits import wake_for_deliveries
from orchestration.engine.incidents.opening import is_open, open_incident
from orchestration.engine.messages.probes import ask_again
from orchestration.engine.outbox.copies import put_back_unheard_copies
from orchestration.engine.outbox.drain import drain
from orchestration.engine.outbox.receipts import put_back_lost_events
from orchestration.engine.rows.locks import lock_saga
from orchestration.errors import SagaNotFound, SendFailed
from orchestration.models import Saga

logger = logging.getLogger(__name__)

LOOK_AGAIN = timedelta(minutes=1)
"""How long until a saga that could not be planned twice is tried again."""
HELD_FOR = timedelta(seconds=5)
"""A sweeper that dies holds the sagas it had picked back for so long."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep did."""

    messages: int
    sagas: int


def sweep() -> Swept:
    """One round: unsent messages first, then sagas that are due. Opens short transactions of its own.

    Raises:
        SendFailed: the broker is away. The round ends there: each further attempt might take as long as its timeouts.
    """
    put_back_lost_events()
    put_back_unheard_copies()
    messages = drain()
    ask_again()
    wake_for_deliveries()
    due = _pick_due()
    if due:
        reach(CrashPoint.DUE_PICKED, about=due)
    for saga_id in due:
        try:
            advance(saga_id, rescue=True)
        except Exception as error:
            if _fails_everywhere(error):
                raise  # the heartbeat says so once
            # One saga that cannot be planned must not keep the others from being swept.
            logger.exception("sweep: saga %s could not be advanced", saga_id)
            _tell(saga_id, error)
    return Swept(messages, len(due))


def _tell(saga_id: UUID, error: Exception) -> None:
    """Open an incident for a saga that cannot be planned: it would rest for ever, with nothing but a line in a log."""
    if sqlstate(error) == LOCK_NOT_AVAILABLE or is_conflict(error) or isinstance(error, SagaNotFound):
        return  # somebody else holds it, or it is gone
    with transaction.atomic():
        saga = lock_saga(saga_id)
        told = storable_text(f"{type(error).__name__}: {error}", LONGEST_MESSAGE)
        again = is_open(saga, IncidentKind.CANNOT_PLAN)
        open_incident(saga, IncidentKind.CANNOT_PLAN, message=told)
        # What happens once, such as a process that runs out of memory, is to cost seconds and not a minute.
        Saga.objects.filter(id=saga_id).update(wake_at=Now() + (LOOK_AGAIN if again else HELD_FOR))


def _fails_everywhere(error: Exception) -> bool:
    """Whether every other saga would fail in the same way: broker or database are away, and not only this saga's row held."""
    if isinstance(error, SendFailed):
        return True
    if is_conflict(error) or sqlstate(error) == LOCK_NOT_AVAILABLE:
        return False
    return is_outage(error) or isinstance(error, InterfaceError | OperationalError)


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
