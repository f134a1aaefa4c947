"""The queues that this project's Celery app knows."""

from __future__ import annotations

from celery import current_app


def is_sendable_to(queue: str) -> bool:
    """Whether a message can be sent to a queue: it is configured, or Celery makes those that are missing."""
    return bool(current_app.conf.task_create_missing_queues) or queue in current_app.amqp.queues
