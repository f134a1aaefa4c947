"""Who holds what: finding a process that has a claim at this very moment, and keeping it from letting go.

Steps are short, so a process that is looked up first and killed later has long gone on. Here everybody is frozen first;
then the database says which claims are live, Celery says which process has them, and all but the victim are woken.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

import psutil
from celery.app.control import Inspect
from django.db import Error as DatabaseError
from django.db import connection

from config.celery import app
from tests.crash_matrix.keeper import Keeper

_LIVE_CLAIMS = """
SELECT t.task_id, t.saga_id, t.name, t.direction, t.token, s.last_seq, s.reference, t.task
  FROM orchestration_sagastep t JOIN orchestration_saga s ON s.id = t.saga_id
 WHERE t.state = 'running' AND t.lease_until > statement_timestamp() AND t.task_id <> ''
"""

_OPEN_PORTS = "SELECT client_port FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"

ANSWER_WITHIN = 0.7
"""Seconds Celery's workers have to say what they are doing; everybody is frozen meanwhile."""
PAUSE = 0.06
"""Seconds between two looks: the looking itself must not bring the work to a halt."""


@dataclass(frozen=True, slots=True)
class Held:
    """A claim that a process held when it was frozen."""

    task_id: str
    saga: UUID
    step: str
    direction: str
    token: int
    seq: int
    """Number of the newest entry of the saga's history."""
    reference: str
    task: str


@dataclass(frozen=True, slots=True)
class Victim:
    """A frozen pool process, and the claims it holds."""

    worker: str
    process: psutil.Process
    held: tuple[Held, ...]


@dataclass(slots=True)
class Victims:
    """The worker's processes. One thread at a time looks; whoever is reserved is left alone."""

    keeper: Keeper
    stopping: threading.Event
    reserved: set[int] = field(default_factory=set)
    """Process ids of frozen children that are to stay frozen."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def catch(
        self,
        wanted: Callable[[Victim], bool],
        *,
        seconds: float,
        doing: Callable[[Held], bool] = lambda _: True,
    ) -> Victim | None:
        """Freeze a process that holds a claim of a kind; None when nobody wanted was found in time. The others go on."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self.stopping.wait(PAUSE):
            with self.lock, self.frozen(self.children()) as children:
                victim = next((v for v in self._holders(children, doing) if wanted(v)), None)
                if victim is not None:
                    children.remove((victim.worker, victim.process))
                    return victim
        return None

    def children(self, *, of: str = "") -> list[tuple[str, psutil.Process]]:
        """The living pool processes with their worker's name, without those reserved."""
        found = []
        for name, pid in self.keeper.pids().items():
            if name.startswith("worker") and of in ("", name):
                with contextlib.suppress(psutil.Error):
                    found += [(name, child) for child in psutil.Process(pid).children()]
        # A dead child is still listed until its parent has buried it.
        return [
            (name, child) for name, child in found if child.pid not in self.reserved and not is_gone(child)
        ]

    @contextlib.contextmanager
    def frozen(
        self, processes: list[tuple[str, psutil.Process]]
    ) -> Iterator[list[tuple[str, psutil.Process]]]:
        """Freeze processes for the time of the block; who is taken out of the list meanwhile stays frozen."""
        try:
            for _, process in processes:
                with contextlib.suppress(psutil.Error):
                    process.suspend()
            yield processes
        finally:
            for _, process in processes:
                with contextlib.suppress(psutil.Error):
                    process.resume()

    def _holders(
        self, children: list[tuple[str, psutil.Process]], doing: Callable[[Held], bool]
    ) -> list[Victim]:
        try:
            with connection.cursor() as cursor:
                cursor.execute(_LIVE_CLAIMS)
                claims = {held.task_id: held for row in cursor.fetchall() if doing(held := Held(*row))}
        except DatabaseError:  # another fault has ended our connection; the next look has a new one
            connection.close()
            return []
        if not claims:
            return []
        by_pid: dict[int, list[Held]] = {}
        for task_id, pid in _at_work(len({name for name, _ in children})):
            if task_id in claims:
                by_pid.setdefault(pid, []).append(claims[task_id])
        return [
            Victim(name, child, tuple(by_pid[child.pid])) for name, child in children if child.pid in by_pid
        ]


def kill(process: psutil.Process, *, group: bool = False) -> None:
    """SIGKILL: the process, or everything in its session."""
    with contextlib.suppress(ProcessLookupError, psutil.Error):
        if group:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def is_gone(process: psutil.Process) -> bool:
    """Whether this very process is dead; another one may have its number by now."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True


def is_in_transaction(process: psutil.Process) -> bool:
    """Whether a process has a transaction open in the database: frozen, it would hold its locks."""
    with connection.cursor() as cursor:
        cursor.execute(_OPEN_PORTS)
        ports = {row[0] for row in cursor.fetchall()}
    with contextlib.suppress(psutil.Error):
        return any(link.laddr.port in ports for link in process.net_connections("tcp"))
    return False


def _at_work(workers: int) -> list[tuple[str, int]]:
    """Task ids and the process that runs each, by the workers' own word; empty when the broker is away."""
    try:
        with app.connection_for_write() as link:
            said = Inspect(app=app, connection=link, timeout=ANSWER_WITHIN, limit=workers).active() or {}
    except Exception:  # each transport has errors of its own; whatever it is, nobody has answered
        return []
    return [(task["id"], task["worker_pid"]) for tasks in said.values() for task in tasks]
