"""Telling Flower of steps that had no message: one thread for each process, several steps in one message.

Nothing depends on it. What is not told within a fifth of a second is told when the process ends in order, and lost when it is killed.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import Any

from celery import current_app
from celery.signals import worker_process_shutdown

from orchestration.broker.client_errors import BROKER_ERRORS

logger = logging.getLogger(__name__)

TELL_EVERY = 0.2
"""Seconds between two messages."""
IDLE_ROUNDS = 25
"""A thread that has had nothing to tell for so many rounds ends."""

Event = tuple[str, dict[str, Any]]
"""Kind and fields."""


class _Teller:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, list[Event]] = {}
        """By the name of the worker."""
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()

    def tell(self, hostname: str, events: list[Event]) -> None:
        with self._lock:
            if self._pid != os.getpid():  # a pool child inherits what its parent had to tell, and no thread
                self._pid, self._thread = os.getpid(), None
                self._waiting.clear()
            self._waiting.setdefault(hostname, []).extend(events)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="telling", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        idle = 0
        while True:
            time.sleep(TELL_EVERY)  # what is done meanwhile goes with the same message
            idle = 0 if self.send() else idle + 1
            with self._lock:
                if idle >= IDLE_ROUNDS and not self._waiting:
                    self._thread = None
                    return

    def send(self) -> bool:
        """Tell what there is; whether there was anything."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        for hostname, events in waiting.items():
            _publish(hostname, events)
        return bool(waiting)


def _publish(hostname: str, events: list[Event]) -> None:
    app: Any = current_app
    try:
        with app.amqp.producer_pool.acquire(block=True) as producer:
            dispatcher = app.events.Dispatcher(
                producer.connection,
                hostname,
                channel=producer.channel,
                buffer_while_offline=False,
                buffer_group=frozenset({"task"}),
                buffer_limit=len(events) + 1,
            )
            for kind, fields in events:
                dispatcher.send(kind, **fields)
            dispatcher.flush(errors=False)
    except BROKER_ERRORS:
        logger.warning("steps done ahead are not shown: the broker is away")
    except Exception:
        # The thread must outlive any single message.
        logger.exception("steps done ahead are not shown")


_teller = _Teller()
tell = _teller.tell


@worker_process_shutdown.connect
def _tell_the_rest(**_: Any) -> None:
    _teller.send()
