"""Running ahead within a Celery task: how far this worker may go, and how what it did shows in Flower."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from celery import Task

from orchestration.broker.telling import Event, tell
from orchestration.engine.steps.attempt import Attempt
from orchestration.engine.steps.pace import Ahead

_MARKS = frozenset({"chord", "group_id", "group_index"})
"""Options of the links of a chord's branch."""


def ahead_of(task: Task[..., Any]) -> Ahead | None:
    """What the worker that runs a task may go on with by itself; None when it is to wait for messages.

    Within a branch of a chord it waits: one that went past its end would never be counted.
    """
    request: Any = task.request
    if not request.id or _is_branch(request):
        return None
    numbers = itertools.count(2)
    return Ahead(
        frozenset(task.app.amqp.queues.consume_from),
        time.monotonic(),
        # With the task's own id in front: whoever ends the leases of a task that was cut short finds these steps by it.
        lambda: f"{request.id}.{next(numbers)}",
    )


def _is_branch(request: Any) -> bool:
    """Whether a task is one of a chord's branch: the last of them is marked, and lies further on in the chain of the others."""
    links: list[Any] = request.chain or []
    return (
        request.chord is not None
        or request.group is not None
        or any(not _MARKS.isdisjoint(link["options"]) for link in links)
    )


def show(task: Task[..., Any], steps: Iterable[Attempt], about: Mapping[str, str]) -> None:
    """Tell whoever watches tasks of the steps that had no message, each as the task it would have been."""
    request: Any = task.request
    if not task.app.conf.worker_send_task_events:
        return
    tell(request.hostname, list(_events(request, steps, about)))


def _events(request: Any, steps: Iterable[Attempt], about: Mapping[str, str]) -> Iterator[Event]:
    past = time.time() - time.monotonic()
    for step in steps:
        named = {name: value for name, value in about.items() if value}
        began, ended = (
            {"uuid": step.message.task_id, "timestamp": past + step.began},
            past + step.ended,
        )
        yield (
            "task-received",
            {
                **began,
                "name": step.reference.task,
                "args": "()",
                "kwargs": repr({"step": step.message.step, **named}),
                "root_id": request.root_id,
                "parent_id": request.id,
                "retries": 0,
                "eta": None,
                "expires": None,
            },
        )
        yield "task-started", began
        if step.error is None:
            told: dict[str, Any] = {"result": "'done'", "runtime": step.ended - step.began}
            yield "task-succeeded", {"uuid": step.message.task_id, "timestamp": ended, **told}
        else:
            told = {"exception": repr(step.error), "traceback": ""}
            yield "task-failed", {"uuid": step.message.task_id, "timestamp": ended, **told}
