"""The engine's own Celery tasks. Each is a knock on the door: it carries ids, and the rows decide what it means."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from celery import Task, shared_task

from orchestration.broker.task_options import OWN
from orchestration.conf import engine_settings
from orchestration.crash.points import CrashPoint, reach
from orchestration.engine.flow.advance import advance as advance_saga
from orchestration.engine.flow.inbox import receive_event as store_event
from orchestration.engine.messages.dead_letters import letter_of, set_aside
from orchestration.engine.messages.envelope import check_envelope
from orchestration.engine.messages.probes import answer
from orchestration.engine.messages.seals import named_in, unsealed
from orchestration.engine.outbox.copies import acknowledge
from orchestration.engine.outbox.receipts import RECEIVE_EVENT
from orchestration.errors import InvalidEnvelope

logger = logging.getLogger(__name__)


@shared_task(name="orchestration.advance", **OWN)
def advance(*, saga: str, order: str = "") -> None:
    """Ask what is next for a saga: the last link of every canvas, and the body of a chord that ends one."""
    advance_saga(UUID(saga))


@shared_task(bind=True, name="orchestration.compensate", **OWN)
def compensate(self: Task[..., Any], failed_task_id: str, *, saga: str, order: str = "") -> None:
    """The error callback of every task of a canvas. It may come 0, 1 or 3 times, or beside a success.

    Bound, with its keywords fixed at build time: Celery then sends it as a message instead of calling it in place.
    """
    advance_saga(UUID(saga))


@shared_task(bind=True, name=RECEIVE_EVENT, **OWN)
def receive_event(self: Task[..., Any], *, envelope: Any) -> None:
    """Store an event, apply it to the sagas that wait for it, and go on with those; set an invalid one aside."""
    try:
        check_envelope(envelope, most_bytes=engine_settings().MAX_MESSAGE_BYTES)
        envelope = unsealed(envelope)
    except InvalidEnvelope as refused:
        set_aside(
            letter_of(
                queue=engine_settings().QUEUE,
                task=RECEIVE_EVENT,
                reason="bad_event",
                detail=str(refused),
                body=envelope,
                event=named_in(vars(self.request), envelope),
            )
        )
        return
    reach(CrashPoint.WEBHOOK_ANSWERED, about=[envelope["key"]])
    for saga in store_event(envelope):
        advance_saga(saga)


@shared_task(name="orchestration.answer_probe", **OWN)
def answer_probe(*, queue: str, asked_at: str) -> None:
    """A probe has come through a queue: what was sent before it has arrived, or is lost."""
    answer(queue, asked_at)


@shared_task(name="orchestration.acknowledge_event", **OWN)
def acknowledge_event(*, message: int, queue: str, seal: str) -> None:
    """A subscriber has received its copy of an event: it is sent no more."""
    if not acknowledge(message, queue, seal):
        logger.warning(
            "a receipt for outbox message %s was not taken: no copy for %s is known by it", message, queue
        )
