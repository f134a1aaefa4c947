"""Faults of the servers: connections cut, a backend killed, the database and the broker ended and started again."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import psutil
import redis
from django.db import DatabaseError, connection

from tests.chaos.plan import FaultKind
from tests.chaos.queues import Queues
from tests.chaos.stage import Stage
from tests.chaos.strikes import Ended, NoEvidence, Strike, wait_until
from tests.chaos.victims import Victims, is_gone

BROKER_AWAY_SECONDS = 2.0
BACK_WITHIN = 60.0
FILL_TO = 3
FILL_SECONDS = 8.0
"""How long frozen workers let messages wait until there are enough of them."""
SETTLES_SECONDS = 3.0
"""After the database is back, until its clients have noticed."""

_CLIENTS = """
SELECT pid FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend' ORDER BY pid
"""


class Servers:
    """Carries out the faults of database and broker."""

    def __init__(self, stage: Stage, victims: Victims, queues: Queues, stopping: threading.Event) -> None:
        self._stage, self._victims, self._queues, self._stopping = stage, victims, queues, stopping

    def terminate(self, strike: Strike) -> None:
        """End up to four connections of the system at the server."""
        clients = [row[0] for row in _ask(_CLIENTS)]
        chosen = Random(strike.fault.pick).sample(clients, min(4, len(clients)))
        strike.outage = (time.time() - 1, time.time() + SETTLES_SECONDS)
        gone = [pid for pid in chosen if _ask("SELECT pg_terminate_backend(%s)", [pid])[0][0]]
        self._wait(lambda: not {row[0] for row in _ask(_CLIENTS)} & set(gone), "its connections are gone")
        if not gone:
            raise NoEvidence("nobody had a connection")
        strike.evidence = f"connections {gone} were ended"

    def kill_backend(self, strike: Strike) -> None:
        """SIGKILL to one process of the database server: it drops everybody and recovers."""
        clients = [row[0] for row in _ask(_CLIENTS)]
        if not clients:
            raise NoEvidence("nobody had a connection")
        pid = clients[int(strike.fault.pick * len(clients))]
        began = time.time()
        os.kill(pid, signal.SIGKILL)
        self._wait(lambda: not psutil.pid_exists(pid), f"server process {pid} is dead")
        self._until_answering()
        strike.outage = (began - 1, time.time() + SETTLES_SECONDS)
        if {row[0] for row in _ask(_CLIENTS)} & set(clients):
            raise NoEvidence("other connections have outlived it: there was no recovery")
        strike.evidence = f"server process {pid} was killed, and {len(clients)} connections were lost with it"

    def restart_database(self, strike: Strike) -> None:
        """An immediate shutdown, as a power cut, and a start that recovers from the log."""
        postgres = self._stage.servers.postgres
        before, began = _started(), time.time()
        if postgres is None or (pid := postgres.pid) is None:
            raise NoEvidence("the database is not ours to end")

        self._stage.in_main_thread(lambda: self._end_and_start(pid, signal.SIGQUIT))
        self._until_answering()
        strike.outage = (began - 1, time.time() + SETTLES_SECONDS)
        if (after := _started()) == before:
            raise NoEvidence(f"PostgreSQL still runs since {before}")
        strike.evidence = f"PostgreSQL was ended at once, and runs since {after}"

    def restart_broker(self, strike: Strike) -> None:
        """SIGKILL to the broker; it comes back with its data, or without."""
        valkey = self._stage.servers.valkey
        if valkey is None or (pid := valkey.pid) is None:
            raise NoEvidence("the broker is not ours to end")
        before = self._run_id()
        loses = strike.fault.kind is FaultKind.LOSE_BROKER

        def stay_away() -> None:
            self._stopping.wait(BROKER_AWAY_SECONDS)
            if loses:
                shutil.rmtree(self._stage.folder.valkey / "appendonlydir")

        self._stage.in_main_thread(lambda: self._end_and_start(pid, signal.SIGKILL, stay_away))
        if self._run_id() == before:
            raise NoEvidence("the broker has not been restarted")
        strike.evidence = f"the broker came back {'without' if loses else 'with'} its data, as another run"

    def flush_broker(self, strike: Strike) -> None:
        """Everything the broker has is gone at once; the workers are kept from emptying the queues before."""
        with self.workers_frozen(enough=lambda waiting: sum(waiting) >= FILL_TO):
            waited = sum(self._queues.waiting())
            thrown = self._queues.flush()
        if not thrown:
            raise NoEvidence("there was nothing to throw away")
        strike.evidence = f"{thrown}, {waited} of them messages that waited"

    @contextlib.contextmanager
    def workers_frozen(self, *, enough: Callable[[list[int]], bool]) -> Iterator[None]:
        """The workers' main processes stand still; the block begins when enough messages wait, or after a while."""
        mains = []
        for name, pid in self._stage.keeper.pids().items():
            with contextlib.suppress(psutil.NoSuchProcess):  # killed a moment ago, and not yet started again
                if name.startswith("worker"):
                    mains.append((name, psutil.Process(pid)))
        with self._victims.lock, self._victims.frozen(mains):
            deadline = time.monotonic() + FILL_SECONDS
            while not enough(self._queues.waiting()) and time.monotonic() < deadline:
                if self._stopping.wait(0.05):
                    raise Ended
            yield

    def _end_and_start(self, pid: int, number: int, meanwhile: Callable[[], None] = lambda: None) -> None:
        """End a server, and start it again whatever happens: nobody else would."""
        server = psutil.Process(pid)
        try:
            os.kill(pid, number)
            self._wait(lambda: is_gone(server), f"server process {pid} has ended", seconds=BACK_WITHIN)
            meanwhile()
        finally:
            self._stage.servers.start(tied=True)

    def _run_id(self) -> str:
        info: Any = redis.Redis.from_url(self._stage.broker, socket_timeout=5).info("server")
        return str(info["run_id"])

    def _until_answering(self) -> None:
        self._wait(_answers, "the database answers again", seconds=BACK_WITHIN)

    def _wait(self, condition: Callable[[], bool], what: str, *, seconds: float = 15.0) -> None:
        wait_until(condition, what, seconds=seconds, stopping=self._stopping)


def _answers() -> bool:
    try:
        return bool(_ask("SELECT 1"))
    except DatabaseError:
        connection.close()
        return False


def _started() -> str:
    return str(_ask("SELECT pg_postmaster_start_time()")[0][0])


def _ask(sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())
