"""Keeping a lease alive for as long as its process works at the step."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError

from orchestration.conf import engine_settings
from orchestration.core.planning.kinds import HistoryKind
from orchestration.engine.database.connection import connection, transaction
from orchestration.engine.rows.history import note
from orchestration.engine.rows.locks import lock_saga
from orchestration.engine.steps.rights import Right, renew
from orchestration.models import SagaStep

logger = logging.getLogger(__name__)


@contextmanager
def renewed(right: Right, timeout: float) -> Iterator[None]:
    """Renew the lease of a claim from a thread of its own for as long as the block lasts, also beyond `timeout` seconds.

    Whoever overruns the timeout is still at work: with the lease over, another worker would act at the same time. The history names it. A
    worker frozen as a whole renews nothing, so its lease runs out and another may take over; one that hangs is killed by Celery's time limit.
    """
    lease = engine_settings().LEASE_SECONDS
    ended = threading.Event()
    thread = threading.Thread(target=_keep, args=(right, lease, timeout, ended), name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()


def _keep(right: Right, lease: float, timeout: float, ended: threading.Event) -> None:
    overrun_at = time.monotonic() + timeout
    told = False
    try:
        while not ended.wait(lease / 3 if told else min(lease / 3, max(overrun_at - time.monotonic(), 0.05))):
            try:
                if not renew(right, lease=lease):
                    return
                if not told and time.monotonic() >= overrun_at:
                    note_overrun(right, timeout)
                    told = True
            except DatabaseError as error:
                # It may be back before the lease has run out; if it is not, the fencing token protects the rest.
                logger.warning("lease of step row %s could not be renewed: %s", right.row_id, error)
                connection.close()
    finally:
        connection.close()


def note_overrun(right: Right, timeout: float) -> None:
    """Write into the history that a step takes longer than its timeout, if the claim still holds. Opens a transaction."""
    with transaction.atomic():
        saga = lock_saga(SagaStep.objects.values_list("saga_id", flat=True).get(id=right.row_id))
        row = SagaStep.objects.get(id=right.row_id)
        if row.token != right.token or row.lease_until is None:
            return
        logger.warning(
            "saga %s: %s (%s) takes longer than its timeout of %s s",
            saga.id,
            row.name,
            row.direction,
            timeout,
        )
        note(saga, HistoryKind.STEP_OVERRAN, step=row.name, direction=row.direction, timeout=timeout)
        saga.save(update_fields=["last_seq"])
