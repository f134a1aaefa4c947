"""Kills a worker for the demo corner, to show that its order goes on all the same.

Only a worker of this very system can be hit: one the supervisor has recorded, whose start time agrees, that carries the
run's id, and whose own pool process Celery names as the one at a step of this very order.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
from django.conf import settings
from kombu.exceptions import OperationalError

from config.celery import app
from config.system.boot.paths import DataFolder
from config.system.supervisor.leftovers import RUN_ID
from config.system.supervisor.record import ProcessRecord, SystemRecord, is_alive, read_record
from orchestration.models import SagaStep
from orders.sagas import FULFIL_ORDER
from orders.storefront.demo_worker import KilledWorker, KillRefused

FOUND_WITHIN = 8.0
"""Seconds to catch a worker at a step: a slow card has two steps of a second and a half."""
ANSWER_WITHIN = 1.0
"""Seconds the workers have to say what they are doing."""


def kill_a_worker(order_id: UUID) -> KilledWorker:
    """Send SIGKILL to the worker that is at a step of this order, with its whole pool; wait for one at most 8 seconds.

    Wired by the setting ORDERLY_DEMO_KILL_WORKER. Must be outside a transaction, or it would not see the step begin.

    Raises:
        KillRefused: the system was not started by `manage.py up`, or nobody was at a step of this order for long enough.
    """
    record = _running_record()
    deadline = time.monotonic() + FOUND_WITHIN
    while time.monotonic() < deadline:
        for step, task_id in _steps_at_work(order_id):
            worker = _worker_at(task_id, record)
            is_at_it = partial(_is_at_work, order_id, step, task_id)
            if worker is not None and end_recorded(worker, record, only_if=is_at_it):
                return KilledWorker(name=worker.name, pid=worker.pid, step=step)
        time.sleep(0.02)
    raise KillRefused("No worker was at a step of this order for long enough to be caught. Try again.")


def end_recorded(
    worker: ProcessRecord, record: SystemRecord, *, only_if: Callable[[], bool] = lambda: True
) -> bool:
    """Stop a recorded worker and its pool, and send them SIGKILL if `only_if` holds then; tell whether it did.

    Raises:
        KillRefused: the process of that number is not, or no longer, the one that was recorded; nothing was sent.
    """
    is_it = worker.role == "worker" and is_alive(worker) and _is_of_run(worker.pid, record.run_id)
    if not is_it or _group_of(worker.pid) != worker.pid:
        raise KillRefused(
            "No worker was killed: the one that was found is not the one the supervisor started."
        )
    os.killpg(worker.pid, signal.SIGSTOP)
    try:
        # What it had sent to the database before it was stopped is decided by then: a step that was recorded at the
        # last moment must not be shown as one that lost its worker.
        time.sleep(0.1)
        is_to_die = only_if()
    except BaseException:
        os.killpg(worker.pid, signal.SIGCONT)
        raise
    os.killpg(worker.pid, signal.SIGKILL if is_to_die else signal.SIGCONT)
    return is_to_die


def _running_record() -> SystemRecord:
    record = read_record(DataFolder(Path(settings.DATA_DIR)))
    supervisors = [p for p in record.processes if p.role == "supervisor"] if record is not None else []
    if record is None or not any(is_alive(process) for process in supervisors):
        raise KillRefused(
            "No worker was killed: this system was not started with `python3 manage.py up`, so nobody here would start "
            "the worker again."
        )
    return record


def _workers(record: SystemRecord) -> list[ProcessRecord]:
    return [process for process in record.processes if process.role == "worker" and is_alive(process)]


def _steps_at_work(order_id: UUID) -> list[tuple[str, str]]:
    """(step, id of its Celery task) of what is claimed and not recorded."""
    rows = SagaStep.objects.filter(
        saga__definition=FULFIL_ORDER, saga__business_key=str(order_id), state="running"
    )
    return [(name, task_id) for name, task_id in rows.values_list("name", "task_id") if task_id]


def _is_at_work(order_id: UUID, step: str, task_id: str) -> bool:
    return (step, task_id) in _steps_at_work(order_id)


def _worker_at(task_id: str, record: SystemRecord) -> ProcessRecord | None:
    """The recorded worker whose pool carries out this task now."""
    for node, child in _carrying_out(task_id, answers=len(_workers(record))):
        for worker in _workers(record):
            if worker.name == node.partition("@")[0] and _group_of(child) == worker.pid:
                return worker
    return None


def _carrying_out(task_id: str, *, answers: int) -> Iterator[tuple[str, int]]:
    """(node, process id) of whoever says that it carries out this task."""
    with app.connection_for_write() as connection:
        broken: tuple[type[BaseException], ...] = tuple(connection.recoverable_connection_errors)
        try:
            # With the number of answers to expect it does not wait for more.
            active: Mapping[str, Iterable[Any]] | None = app.control.inspect(
                timeout=ANSWER_WITHIN, limit=answers or None, connection=connection
            ).active()
        except (OperationalError, OSError, *broken) as error:  # type: ignore[misc]  # kombu lists its transport's own
            raise KillRefused(
                f"No worker was killed: the broker cannot be reached ({type(error).__name__})."
            ) from error
    for node, tasks in (active or {}).items():
        for task in tasks:
            if task.get("id") == task_id and isinstance(task.get("worker_pid"), int):
                yield node, task["worker_pid"]


def _group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except (ProcessLookupError, PermissionError):
        return None


def _is_of_run(pid: int, run_id: str) -> bool:
    try:
        return bool(run_id) and psutil.Process(pid).environ().get(RUN_ID) == run_id
    except (psutil.Error, OSError):
        return False
