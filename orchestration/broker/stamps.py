"""Sending chains quickly: frozen once for each definition, then stamped with a saga's ids.

Building a canvas, freezing it and merging its options costs more than publishing it, and for every saga of a definition the
outcome differs in a few ids only. What is sent is the same message, through the same door of Celery (`send_task_message`), so
signals, retries and routing are as ever.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from celery import Signature, current_app

from orchestration.core.memo import Memo

SAGA = UUID(int=0x5A6A_5A6A_5A6A_4A6A_8A6A_5A6A_5A6A_5A6A)
REFERENCE = "~reference~"
EPOCH = 1_986_040_627
"""Stand where a saga's own will be."""

_PLAIN = frozenset({"queue", "ignore_result", "task_id", "reply_to", "link_error", "serializer"})
"""Options of a link that is nothing but a task in a chain. One with others (of a group, of a chord) is left to Celery."""
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_ANSWERS = re.compile(rf'"reply_to": "{_ID.pattern}", |, "reply_to": "{_ID.pattern}"')


@dataclass(frozen=True, slots=True)
class Stamp:
    """A frozen chain as text, and the ids in it: of its tasks, and of the groups of a fork further on."""

    text: str
    ids: tuple[str, ...]

    def links(self, saga_id: UUID, reference: str, epoch: int) -> list[dict[str, Any]]:
        """The chain of one saga, its first task last, with ids of its own."""
        text = self.text.replace(f'"epoch": {EPOCH}', f'"epoch": {epoch}').replace(str(SAGA), str(saga_id))
        if reference:
            text = text.replace(REFERENCE, json.dumps(reference)[1:-1])
        random = os.urandom(16 * len(self.ids))
        for number, known in enumerate(self.ids):
            # As `uuid4` makes them, all with one call of the system.
            fresh = UUID(bytes=random[16 * number : 16 * number + 16], version=4)
            text = text.replace(known, str(fresh))
        links: list[dict[str, Any]] = json.loads(text)
        return links


_kept: Memo[Stamp] = Memo(most=512)


def stamp_of(key: Hashable, build: Callable[[], Signature[Any]]) -> Stamp:
    """The stamp kept under a key.

    Args:
        key: says everything that the chain depends on besides saga, reference and epoch.
        build: makes the chain, with SAGA, REFERENCE and EPOCH where a saga's own belong.
    """
    return _kept.get(key, lambda: _frozen(build()))


def send_link(
    links: list[dict[str, Any]],
    *,
    parent_id: str | None = None,
    root_id: str | None = None,
    retry: bool | None = None,
) -> bool:
    """Send the last of these links, and with it those before it. False when it is for Celery to send.

    Args:
        links: as `Stamp.links` or the request of a task has them.
        parent_id: the task that goes before.
        root_id: the first of them.
        retry: whether a broker that does not answer is asked again, as the settings say; that is the default.

    Raises:
        Exception: whatever the broker's client raises when it does not take the message.
    """
    *rest, link = links
    options = link["options"]
    if (
        link.get("subtask_type")
        or link.get("args")
        or not _PLAIN.issuperset(options)
        or "queue" not in options
    ):
        return False
    app: Any = current_app
    task = app.tasks.get(link["task"])
    message = app.amqp.create_task_message(
        options["task_id"],
        link["task"],
        [],
        link["kwargs"],
        errbacks=options.get("link_error"),
        time_limit=task.time_limit if task is not None else None,
        soft_time_limit=task.soft_time_limit if task is not None else None,
        root_id=root_id,
        parent_id=parent_id,
        chain=rest,
        ignore_result=True,
        argsrepr="()",
        kwargsrepr=repr(link["kwargs"]),
        create_sent_event=app.conf.task_send_sent_event,
    )
    with (
        app.amqp.producer_pool.acquire(block=True) as producer,
        producer.connection._reraise_as_library_errors(),
    ):
        # To ask kombu whether a queue is declared costs as much as the publishing.
        declared = hash(app.amqp.queues[options["queue"]]) in producer.connection.declared_entities
        app.amqp.send_task_message(
            producer,
            link["task"],
            message,
            queue=options["queue"],
            declare=[] if declared else None,
            retry=retry,
            serializer="json",
        )
    return True


def _frozen(whole: Any) -> Stamp:
    tasks, _ = whole.prepare_steps(
        (), {}, whole.tasks, None, None, whole.options.get("link_error"), whole.app
    )
    # The address for answers is this process's, and of no use to anybody: nothing here waits for one.
    text = _ANSWERS.sub("", json.dumps(tasks))
    return Stamp(text, tuple(dict.fromkeys(known for known in _ID.findall(text) if known != str(SAGA))))
