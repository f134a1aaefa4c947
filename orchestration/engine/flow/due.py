"""Making steps due: the rows behind a canvas that is about to be sent, and whether it may be sent at all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from orchestration.conf import engine_settings
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.planning.canvas import Call, Canvas, heads
from orchestration.core.planning.kinds import HistoryKind
from orchestration.core.planning.states import Direction, StepState
from orchestration.engine.messages.probes import proven
from orchestration.engine.rows.history import note
from orchestration.engine.rows.steps import move_step
from orchestration.engine.steps.pace import is_quick
from orchestration.models import Saga, SagaStep

Key = tuple[str, Direction]
Rows = Mapping[Key, SagaStep]


def perhaps_under_way(
    saga: Saga, rows: Rows, definition: SagaDefinition, canvases: tuple[Canvas, ...], *, rescue: bool
) -> dict[Key, str]:
    """Steps at the head of these canvases whose earlier message may still lie in its queue, each with that queue.

    Such a step was sent, or the link before it ended, and no probe sent later has come through the queue since.
    At most one query, and none for what was never sent.
    """
    sent: dict[Key, datetime] = {}
    for call in _heads(canvases):
        row = rows.get((call.step, call.direction))
        if row is not None and row.state == StepState.PENDING.value and row.sent_at is not None:
            sent[call.step, call.direction] = row.sent_at
        elif row is None and rescue and (moment := _chained_at(saga, rows, call.direction)) is not None:
            sent[call.step, call.direction] = moment
    if not sent:
        return {}
    queues = {key: definition.reference(key[0], key[1].value).queue for key in sent}
    arrived = proven(queues.values())
    return {key: queues[key] for key, moment in sent.items() if arrived.get(queues[key], moment) <= moment}


def perhaps_at_work(
    saga: Saga, rows: Rows, definition: SagaDefinition, canvases: tuple[Canvas, ...]
) -> dict[Key, datetime]:
    """Steps at the head of these canvases that a worker may be doing without a claim, each with the moment until which.

    A quick local step leaves no row until it is done. Sent again before it can be, it would be done twice, and one of both in vain.
    No query.
    """
    after = timedelta(seconds=engine_settings().RESEND_AFTER_SECONDS)
    begun = _chained_at(saga, rows, Direction.FORWARD)
    return {
        (call.step, call.direction): begun + after
        for call in _heads(canvases)
        if begun is not None
        and call.direction is Direction.FORWARD
        and (call.step, call.direction) not in rows
        and is_quick(definition.reference(call.step, call.direction.value))
    }


def make_due(
    saga: Saga,
    rows: Rows,
    definition: SagaDefinition,
    canvases: tuple[Canvas, ...],
    *,
    rescue: bool,
    now: datetime,
) -> bool:
    """Write that the heads of these canvases are sent now. Inside a transaction; rows as read under the saga's lock.

    Returns:
        Whether one of them makes up for a message or a worker that was lost; the history says which.
    """
    lost = False
    for call in _heads(canvases):
        row = rows.get((call.step, call.direction))
        if row is None:
            lost = _begin(saga, definition, call, rows, rescue=rescue, now=now) or lost
        else:
            lost = _put_back(saga, definition, call, row, now=now) or lost
    return lost


def take_back(saga_id: UUID, canvases: tuple[Canvas, ...], *, now: datetime) -> None:
    """Write that the heads of these canvases were not sent after all. One statement for each; commits by itself.

    Otherwise the next who asks would be told to wait for messages that nobody has, and an outbox row would be marked as sent.
    The broker may have one all the same: the claim makes a second copy harmless. What was claimed meanwhile stays.

    Args:
        saga_id: whose steps.
        canvases: what could not be sent.
        now: the moment that was written as theirs by `make_due`.
    """
    for call in _heads(canvases):
        SagaStep.objects.filter(
            saga_id=saga_id,
            name=call.step,
            direction=call.direction.value,
            state=StepState.PENDING.value,
            sent_at=now,
        ).update(sent_at=None)


def _begin(
    saga: Saga,
    definition: SagaDefinition,
    call: Call,
    rows: Rows,
    *,
    rescue: bool,
    now: datetime,
) -> bool:
    """A first row. Its message was lost if it should have come as the next link of a canvas."""
    lost = rescue and _chained_at(saga, rows, call.direction) is not None
    if lost:
        note(saga, HistoryKind.SENT_AGAIN, step=call.step, direction=call.direction.value)
    SagaStep.objects.create(
        saga=saga,
        name=call.step,
        direction=call.direction.value,
        sent_at=now,
        state=StepState.PENDING.value,
        task=str(definition.reference(call.step, call.direction.value)),
    )
    return lost


def _put_back(saga: Saga, definition: SagaDefinition, call: Call, row: SagaStep, *, now: datetime) -> bool:
    """Recovery never runs a step: it makes it due again, and the ordinary claim admits one.

    The token rises, so a worker that was only slow is fenced off from here on.
    """
    message_lost = row.state == StepState.PENDING.value and row.sent_at is not None
    worker_lost = row.state == StepState.RUNNING.value
    if message_lost:
        note(saga, HistoryKind.SENT_AGAIN, step=call.step, direction=call.direction.value)
    if worker_lost:
        note(
            saga,
            HistoryKind.LEASE_EXPIRED,
            step=call.step,
            direction=call.direction.value,
            deliveries=row.deliveries,
        )
    acted = row.state == StepState.UNKNOWN.value or (
        worker_lost and definition.reference(call.step, call.direction.value).is_external
    )
    move_step(saga, row, StepState.PENDING, fence=True)
    row.unsure, row.sent_at = row.unsure or acted, now
    row.save()
    return message_lost or worker_lost


def _heads(canvases: tuple[Canvas, ...]) -> list[Call]:
    return [call for canvas in canvases for call in heads(canvas)]


def _chained_at(saga: Saga, rows: Rows, direction: Direction) -> datetime | None:
    """When a message without a row may have been sent: by a relay, as the saga's first; or as the next link of a canvas."""
    if not rows and direction is Direction.FORWARD:
        return saga.created_at
    ended = [row.ended_at for (_, way), row in rows.items() if way is direction and row.task and row.ended_at]
    return max(ended, default=None)
