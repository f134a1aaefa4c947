"""A real Celery worker in a process of its own, on the test's own database and broker."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from amqp.exceptions import ChannelError
from celery import current_app
from kombu import Queue

from config.queues import QUEUES
from config.system.boot.paths import PROJECT
from tests.bootstrap.running_system import wait_until

READY_WITHIN = 60.0


@dataclass(frozen=True)
class WorkerProcess:
    """A worker that takes messages."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> None:
        """Have it end as a deployment would: what it has not acknowledged goes back."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def queue_of(name: str) -> Queue:
    """One of the project's queues, or one that Celery makes for a test."""
    return cast(Queue, cast(Any, current_app).amqp.queues[name])


def empty(*names: str) -> None:
    """Throw away what earlier tests have left in queues."""
    with current_app.connection_for_write() as broker:
        for name in names:
            queue_of(name)(broker.default_channel).declare()
            queue_of(name)(broker.default_channel).purge()


def left_in(name: str) -> int:
    """How many messages lie in a queue."""
    with current_app.connection_for_write() as broker:
        try:
            declared: Any = queue_of(name)(broker.default_channel).queue_declare(passive=True)
        except ChannelError:  # Redis keeps no empty queue
            return 0
        return int(declared.message_count)


def publish_raw(
    body: Any, *, headers: Any = None, kind: str = "application/json", encoding: str = "utf-8"
) -> None:
    """Put a message into the queue `orchestration` as no code of ours would."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    queue = queue_of("orchestration")
    with current_app.connection_for_write() as broker:
        broker.Producer().publish(
            raw,
            exchange=queue.exchange,
            routing_key=queue.routing_key,
            declare=[queue],
            headers=headers,
            content_type=kind,
            content_encoding=encoding,
            serializer=None,
        )


@contextlib.contextmanager
def worker_process(
    environment: dict[str, str], *arguments: str, queues: tuple[str, ...] = QUEUES, **settings: str
) -> Iterator[WorkerProcess]:
    """Start a worker and wait until it is ready; killed with all its children at the end.

    Args:
        environment: of the fixture `process_environment`.
        arguments: more of Celery's.
        queues: what it takes.
        settings: environment variables, such as ORDERLY_LEASE_SECONDS.
    """
    with tempfile.TemporaryDirectory(prefix="orderly-worker-") as folder:
        log, ready = Path(folder) / "log", Path(folder) / "ready"
        command = ("celery", "-A", "config.celery", "worker", "-l", "INFO", "-Q", ",".join(queues))
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", *command, "-n", f"test{os.getpid()}@%h", *arguments],
                cwd=PROJECT,
                env={**environment, "ORDERLY_READY_FILE": str(ready), **settings},
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        try:
            wait_until(
                lambda: ready.exists() or process.poll() is not None, "the worker is ready", READY_WITHIN
            )
            assert process.poll() is None, log.read_text()[-3000:]
            yield WorkerProcess(process, log)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
