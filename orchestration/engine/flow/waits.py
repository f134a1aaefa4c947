"""Waiting for events without holding a worker, and applying each event at most once to each saga.

What became of an event at a saga is a row of its own (`InboxDelivery`), changed only under that saga's lock.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models.functions import Now
from pydantic import ValidationError

from orchestration.core.definition.nodes import Wait
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.planning.kinds import HistoryKind, IncidentKind
from orchestration.core.planning.states import FORWARD_STATES, Direction, SagaState, StepState
from orchestration.engine.flow.deliveries import deliver, undelivered
from orchestration.engine.flow.misfits import fitted, keep_misfit, of_another, unfit
from orchestration.engine.incidents.opening import resolve_incidents
from orchestration.engine.rows.history import move, note
from orchestration.engine.rows.steps import move_step
from orchestration.models import InboxDelivery, InboxMessage, Saga, SagaStep

ENDED_WITHOUT = "the saga ended without waiting for it"


def open_wait(saga: Saga, wait: Wait, now: datetime) -> None:
    """Open a wait of a locked saga; an event that came early is applied at once, in the same transaction."""
    row = SagaStep(
        saga=saga,
        name=wait.name,
        direction=Direction.FORWARD.value,
        started_at=now,
    )
    move_step(saga, row, StepState.WAITING)
    row.rest(wait.within, since=now)
    row.save()
    note(saga, HistoryKind.WAIT_OPENED, step=wait.name, event=wait.event)
    for message in undelivered(saga).filter(type=wait.event):
        if offer(saga, [wait], message):
            return


def take_in(saga: Saga, definition: SagaDefinition) -> None:
    """Offer a locked saga what has come and is not applied: a worker died, or had older code. One query where there is nothing."""
    if not definition.waits:
        return
    goes_forward = SagaState(saga.state) in FORWARD_STATES
    for message in undelivered(saga).filter(type__in={wait.event for wait in definition.waits.values()}):
        if goes_forward or not message.parked:  # one that no saga has had is not for one that is being undone
            offer(saga, definition.waits_for(message.type), message)


def offer(saga: Saga, waits: list[Wait], message: InboxMessage) -> bool:
    """Give an event to a locked saga, and write down what became of it. Idempotent. The caller saves the saga.

    Args:
        saga: locked.
        waits: its waits for an event of this type, at least one.
        message: with its `delivery`, the id of the one to this saga, if there is one.

    Returns:
        Whether it was applied.
    """
    if SagaState(saga.state) not in FORWARD_STATES:
        return _ignore(saga, message, f"the saga was already {saga.state}")
    rows = {
        row.name: row
        for row in SagaStep.objects.filter(
            saga=saga, name__in=[wait.name for wait in waits], direction=Direction.FORWARD.value
        )
    }
    misfit: tuple[str, str] | None = None
    for wait in waits:
        row = rows.get(wait.name)
        if row is None or row.state != StepState.WAITING.value:
            continue
        if (reason := of_another(wait, message.source)) is not None:
            misfit = misfit or (wait.name, reason)
            continue
        try:
            result = fitted(wait, message.envelope)
        except ValidationError as error:
            misfit = misfit or (wait.name, unfit(error))
            continue
        _apply(saga, row, wait, message, result)
        return True
    if misfit is not None:
        keep_misfit(saga, message, *misfit)
    elif len(rows) == len(waits):
        return _ignore(saga, message, "every wait for it had already ended")
    elif not message.parked:
        deliver(saga, message, state="parked")
    return False


def ignore_undelivered(saga: Saga) -> None:
    """Say of what came for a locked saga that ends now, and was never applied, that it came in vain."""
    InboxDelivery.objects.filter(saga=saga, state__in=["parked", "due"]).update(
        state="ignored", due_at=None, reason=ENDED_WITHOUT
    )
    resolve_incidents(
        saga,
        kind=(IncidentKind.EVENT_SET_ASIDE, IncidentKind.EVENT_MISFIT),
        by="engine",
        resolution="The saga ended without waiting for it.",
    )


def _apply(saga: Saga, row: SagaStep, wait: Wait, message: InboxMessage, result: Any) -> None:
    if saga.state == SagaState.WAITING.value:
        move(saga, SagaState.RUNNING, HistoryKind.EVENT_APPLIED, step=wait.name, event=message.event_id)
    else:
        note(saga, HistoryKind.EVENT_APPLIED, step=wait.name, event=message.event_id)
    if wait.milestone:
        saga.milestone = wait.milestone
    move_step(saga, row, StepState.DONE)
    row.result, row.unsure = result, False
    row.result_type = wait.gives.__name__ if wait.gives is not None else None
    row.save()
    resolve_incidents(saga, step=wait.name, by="engine", resolution="The event has come.")
    deliver(saga, message, state="applied", wait=wait.name, applied_at=Now())
    saga.wake_at = Now()


def _ignore(saga: Saga, message: InboxMessage, reason: str) -> bool:
    """Keep and show an event that is not applied. Returns False: nothing was applied."""
    deliver(saga, message, state="ignored", reason=reason)
    note(saga, HistoryKind.EVENT_IGNORED, event=message.event_id, type=message.type, reason=reason)
    return False
