"""The same face as `orchestration.testing.SagaRun`, carried by a real Celery worker on the real broker."""

from __future__ import annotations

import gc
import logging
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self, cast
from uuid import uuid4

from celery import current_app
from celery.contrib.testing.worker import start_worker
from celery.signals import task_postrun
from django.db import connections, transaction
from django.db.models import F
from django.test import override_settings

from orchestration.broker.heartbeat import beat
from orchestration.core.definition.references import Message
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.models import Saga, SagaStep
from orchestration.services import cancel_saga, publish_event, retry_step, start_saga
from orchestration.testing import SagaRun, Script
from orchestration.testing.run import RESTING
from orchestration.testing.script import scripted

DEADLINE = 30.0
"""Seconds within which a saga must get where it is going; far above what it takes."""


@contextmanager
def running_worker(*, ahead: float = 0.0) -> Iterator[None]:
    """A worker with threads, in this process, so that scripts and the sample's provider are shared with it.

    Args:
        ahead: seconds for which it goes on with the next step by itself.
    """
    app = cast(Any, current_app)._get_current_object()
    with app.connection_for_write() as broker:
        app.amqp.TaskConsumer(broker.default_channel).purge()
    queues = [*(queue.name for queue in app.conf.task_queues or ()), "sample"]
    app.amqp.queues.select_add("sample")
    worker = start_worker(
        app,
        pool="threads",
        concurrency=4,
        queues=queues,
        perform_ping_check=False,
        shutdown_timeout=20,
        loglevel="ERROR",
    )
    level = logging.getLogger().level  # Celery sets another one, and the tests behind would log less
    # An embedded worker does not announce that it is ready, so its heartbeat is started here.
    stop = threading.Event()
    heart = threading.Thread(target=beat, args=(stop,), name="heartbeat")
    # Threads of this process end without a word; what they leave open would keep the test database from being dropped.
    task_postrun.connect(_close_connections)
    with worker, override_settings(ORCHESTRATION={"HEARTBEAT_SECONDS": 0.05, "RUN_AHEAD_SECONDS": ahead}):
        # Celery's worker has put filters of its own before those of the suite.
        warnings.filterwarnings("ignore", "task_allow_error_cb_on_chord_header")
        heart.start()
        try:
            yield
        finally:
            stop.set()
            heart.join()
    task_postrun.disconnect(_close_connections)
    logging.getLogger().setLevel(level)
    gc.collect()  # Celery's results say goodbye to their server when they are collected, so that must be now


def _close_connections(**_: Any) -> None:
    connections.close_all()


class WorkerRun(SagaRun):
    """Starts a saga for real and waits for it; nothing is carried by hand."""

    def __init__(
        self,
        definition: SagaDefinition,
        input: Message,
        *,
        fail_at: Any = (),
        reject_at: Any = (),
        lose_answer_at: Any = (),
        answers: Mapping[str, Message] | None = None,
    ) -> None:
        self.script = Script(fail_at, reject_at, lose_answer_at, answers or {})
        self._patch = scripted(self.script)
        self._patch.__enter__()
        with transaction.atomic():
            self.id = start_saga(definition, input=input, business_key=str(uuid4())).id

    def close(self) -> None:
        self._patch.__exit__(None, None, None)

    def until(self, reached: Callable[[SagaRun], bool]) -> Self:
        stop_at = time.monotonic() + DEADLINE
        while time.monotonic() < stop_at:
            if reached(self):
                return self
            self._hurry()
            time.sleep(0.02)  # polls a condition under a deadline
        raise AssertionError(
            f"the saga never gets there: {self.state}; {[str(s) for s in self.saga.steps.all()]}"
        )

    def until_rest(self) -> Self:
        return self.until(lambda run: run.state in RESTING)

    def _hurry(self) -> None:
        """Shorten what only waits for the clock: a retry's delay."""
        from orchestration.engine.rows.reading import database_now

        saga = self.saga
        waiting = SagaStep.objects.filter(
            saga=saga, state__in=("waiting", "unknown", "failed"), due_at__gt=database_now()
        ).exclude(task="")
        if waiting.update(due_at=database_now()):
            Saga.objects.filter(id=self.id).update(wake_at=database_now())

    def skip(self, seconds: float) -> Self:
        from datetime import timedelta

        by = timedelta(seconds=seconds)
        SagaStep.objects.filter(saga_id=self.id).update(
            due_at=F("due_at") - by, lease_until=F("lease_until") - by
        )
        Saga.objects.filter(id=self.id).update(wake_at=F("wake_at") - by, deadline=F("deadline") - by)
        return self

    def send(
        self,
        event: str,
        data: dict[str, Any] | None = None,
        *,
        event_id: str | None = None,
        source: str | None = None,
    ) -> Self:
        with transaction.atomic():
            publish_event(
                type=event,
                source=source or self._speaker_of(event),
                key=self.saga.business_key,
                data=data,
                event_id=event_id,
            )
        return self

    def cancel(self, reason: str = "asked to") -> Self:
        cancel_saga(saga_id=self.id, by="test", reason=reason)
        return self

    def decide(self, service: Callable[..., Saga], **arguments: Any) -> Self:
        service(saga_id=self.id, **{"by": "test", "reason": "decided by hand", **arguments})
        return self

    def retry(self, step: str, direction: str = "forward", reason: str = "mended") -> Self:
        retry_step(saga_id=self.id, step=step, direction=direction, by="test", reason=reason)
        return self
