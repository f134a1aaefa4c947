"""Moments that no clock running as it should can have given: the database's clock was ahead when they were written, and is no longer.

A saga whose retry, time-out or message is dated two hours too late would rest for two hours, and nothing would be wrong with it. What
can only lie in the past and lies in the future is dated now; a rest that began in the future begins now; a retry or a lease is over.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

from orchestration.core.definition.policy import LONGEST_ASKED
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.planning.kinds import HistoryKind
from orchestration.core.planning.states import Direction
from orchestration.engine.rows.history import note
from orchestration.engine.steps.pace import lease_of
from orchestration.models import Saga, SagaStep

logger = logging.getLogger(__name__)

AHEAD = timedelta(minutes=1)
"""What is dated further ahead than this was dated by a clock that was wrong: slewing and leap seconds are less."""
LONGEST_REST = LONGEST_ASKED * 1.5
"""Seconds: no policy has a step rest for longer. For rows that do not say for how long they rest."""
KIND = HistoryKind.TIMES_CORRECTED
"""The entry of a history that tells of it."""

_OF_THE_PAST = ("sent_at", "started_at", "ended_at")


def correct(
    saga: Saga, rows: Mapping[tuple[str, Direction], SagaStep], definition: SagaDefinition, now: datetime
) -> bool:
    """Compute anew what is misdated of a locked saga and its newest rows, which are saved; the caller saves the saga.

    Returns:
        Whether anything was. The history and the log say so.
    """
    steps = [row for row in rows.values() if _correct_step(row, definition, now)]
    for row in steps:
        row.save(update_fields=[*_OF_THE_PAST, "due_at", "lease_until"])
    is_saga = saga.created_at > now + AHEAD
    if is_saga:
        if saga.deadline is not None:
            saga.deadline = now + (saga.deadline - saga.created_at)
        saga.created_at = now
    if not steps and not is_saga:
        return False
    names = sorted({row.name for row in steps})
    note(saga, KIND, steps=names)
    logger.warning(
        "saga %s: the database's clock was ahead when it was written; computed anew: %s",
        saga.id,
        ", ".join(names) or "its deadline",
    )
    return True


def _correct_step(row: SagaStep, definition: SagaDefinition, now: datetime) -> bool:
    latest, found = now + AHEAD, False
    for name in _OF_THE_PAST:
        if (moment := getattr(row, name)) is not None and moment > latest:
            setattr(row, name, now)
            found = True
    wait = definition.waits.get(row.name)
    if row.due_at is not None:
        longest = wait.within if wait is not None else LONGEST_REST
        rest = timedelta(seconds=longest if row.due_after is None else row.due_after)
        if row.due_at - rest > latest:
            row.due_at = now + rest if wait is not None else now
            found = True
    if row.lease_until is not None and row.lease_until > latest:
        lease = lease_of(definition.reference(row.name, row.direction))
        if row.lease_until > latest + timedelta(seconds=lease):
            row.lease_until = now  # whoever still holds it renews it
            found = True
    return found
