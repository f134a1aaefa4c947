"""The engine's own Celery tasks. Each is a knock on the door: it carries ids, and the rows decide what it means."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from celery import Task, shared_task

from orchestration.engine.advance import advance as advance_saga
from orchestration.engine.waits import receive_event as store_event


@shared_task(name="orchestration.advance", acks_late=True, reject_on_worker_lost=True)
def advance(*, saga: str, order: str = "") -> None:
    """Ask what is next for a saga: the last link of every canvas, and the body of a chord that ends one."""
    advance_saga(UUID(saga))


@shared_task(bind=True, name="orchestration.compensate", acks_late=True, reject_on_worker_lost=True)
def compensate(self: Task[..., Any], failed_task_id: str, *, saga: str, order: str = "") -> None:
    """The error callback of every task of a canvas. It may come 0, 1 or 3 times, or beside a success.

    Bound, with its keywords fixed at build time: Celery then sends it as a message instead of calling it in place.
    """
    advance_saga(UUID(saga))


@shared_task(name="orchestration.receive_event", acks_late=True, reject_on_worker_lost=True)
def receive_event(*, envelope: dict[str, Any]) -> None:
    """Store an event, apply it to the saga that waits for it, and go on with that saga."""
    saga = store_event(envelope)
    if saga is not None:
        advance_saga(saga.id)
