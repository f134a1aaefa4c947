"""A turn of one side: a fresh database, its worker and its client, started before and gone after.

Every turn begins with empty tables, so no side works on what another, or an earlier round, has left. Several may be there at the
same time; all but the one that is measured are frozen then.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import redis

from config.system.boot.paths import DataFolder
from config.system.boot.progress import Refusal
from config.system.servers.embedded import EmbeddedServers
from config.system.servers.process import wait_until
from config.system.servers.remembered import OWNER_URL
from tests.bench.client import Client
from tests.bench.clients.observing import OBSERVER
from tests.bench.consumption import cpu_seconds
from tests.bench.counting import COUNT_INTO
from tests.bench.proxy import Proxy, Tally
from tests.bench.shapes import STEPS_PER_SAGA
from tests.bench.sides import ALL, Side
from tests.crash_matrix.keeper import Keeper

WORKER_READY_WITHIN = 60.0
PROFILE_WITHIN = 30.0


@dataclass(frozen=True, slots=True)
class World:
    """Where everything runs."""

    folder: DataFolder
    servers: EmbeddedServers
    template: str
    """Address of the database with all tables, of which each turn gets a copy."""
    broker: str
    results: str
    run_id: Mapping[str, str]
    """What marks every process of this run in its environment."""

    @property
    def side_by_side(self) -> bool:
        """Whether several sides can be there at once: only a broker of ours has a place of its own for each."""
        valkey = self.servers.valkey
        return valkey is not None and (self.broker, self.results) == (valkey.url(0), valkey.url(1))

    @property
    def watched_broker(self) -> str:
        """The broker's address for whoever asks it about itself."""
        valkey = self.servers.valkey
        return valkey.admin_url(0) if valkey is not None and self.broker == valkey.url(0) else self.broker

    def places(self, side: Side) -> dict[str, str]:
        """Where a side has its messages and its chords, as the environment names it."""
        valkey = self.servers.valkey
        if valkey is None or not self.side_by_side:
            return {}
        number = 2 * list(ALL).index(side.name)
        return {
            "CELERY_BROKER_URL": valkey.url(number),
            "CELERY_RESULT_BACKEND": valkey.url(number + 1),
        }

    def server_pids(self) -> dict[str, int | None]:
        """Process ids of the database and the broker, where they are ours."""
        postgres, valkey = self.servers.postgres, self.servers.valkey
        return {"database": postgres.pid if postgres else None, "broker": valkey.pid if valkey else None}


class Turn:
    """A side at work."""

    def __init__(self, world: World, side: Side, client: Client, worker: int | None, database: str) -> None:
        self._world, self._side, self.client = world, side, client
        self._worker, self._database = worker, database

    def freeze(self) -> None:
        """Stop everything of this side where it is; it takes nothing from whoever is measured meanwhile."""
        self._signal(signal.SIGSTOP)

    @contextlib.contextmanager
    def thawed(self) -> Iterator[None]:
        """Let it work, for as long as the block lasts."""
        self.thaw()
        try:
            yield
        finally:
            self.freeze()

    def thaw(self) -> None:
        """Let it work again, also if it has ended meanwhile."""
        self._signal(signal.SIGCONT)

    def _signal(self, which: signal.Signals) -> None:
        for group in (self._worker, self.client.pid):
            if group is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(group, which)

    def cpu(self) -> dict[str, float | None]:
        """CPU seconds used so far by who does the steps, who starts the sagas, the database and the broker."""
        pids = self._world.server_pids()
        if self._worker is None:  # the client's own processes do the work
            return {"worker": cpu_seconds(self.client.pid), "client": 0.0, "database": cpu_seconds(pids["database"]), "broker": 0.0}  # fmt: skip
        return {
            "worker": cpu_seconds(self._worker),
            "client": cpu_seconds(self.client.pid),
            **{name: cpu_seconds(pid) for name, pid in pids.items()},
        }

    def batch(self, shape: str, sagas: int) -> float:
        """Have a batch done, and return its seconds.

        Raises:
            Refusal: the rows are not those of so many sagas, each step once: there is nothing to compare.
        """
        name, seconds = self.client.batch(shape, sagas)
        wanted = sagas * STEPS_PER_SAGA
        with _connected(self._database) as link, link.cursor() as cursor:
            cursor.execute(
                "SELECT count(*), count(DISTINCT (saga, step)) FROM bench_work WHERE saga LIKE %s",
                [f"{name}-%"],
            )
            if cursor.fetchone() != (wanted, wanted):
                raise Refusal(f"{self._side.name}: not every step of {sagas} sagas has written its row once.")
        return seconds


@contextlib.contextmanager
def turn(
    world: World,
    side: Side,
    *,
    count_into: Path | None = None,
    tally: list[Tally] | None = None,
    profile_into: Path | None = None,
) -> Iterator[Turn]:
    """Start a side on a copy of the template, and end it again.

    Args:
        world: where.
        side: which.
        count_into: file for the messages that are published; nothing is counted without it.
        tally: gets the count of what reaches the database; nothing is counted without it.
        profile_into: file for the profile of the worker, which then has a single process.
    """
    with contextlib.ExitStack() as stack:
        _forget_messages(world, side)
        database = stack.enter_context(_copy(world.template, side.name))
        environment = {
            **world.run_id,
            OBSERVER: database,
            "DATABASE_URL": database,
            OWNER_URL: database,
            **world.places(side),
            **side.environment,
        }
        if tally is not None:
            proxy = stack.enter_context(Proxy(database))
            tally.append(proxy.tally)
            # The sweep at each beat belongs to the time that passes, not to a saga.
            environment |= {"DATABASE_URL": proxy.url, "ORDERLY_HEARTBEAT_SECONDS": "30"}
        if count_into is not None:
            environment[COUNT_INTO] = str(count_into)
        worker = None
        if (program := side.program(world.folder.run, profile_into=profile_into)) is not None:
            keeper = Keeper(environment, world.folder.run)
            stack.callback(keeper.stop)
            keeper.start([program])
            keeper.wait_until_ready(seconds=WORKER_READY_WITHIN)
            worker = keeper.pids()[side.name]
            if profile_into is not None:
                stack.callback(_end_in_order, worker, profile_into)
        command = [str(side.python()), "-m", side.client]
        client = stack.enter_context(
            Client(command, environment, world.folder.run / f"{side.name}-client.log")
        )
        with _connected(database) as link, link.cursor() as cursor:
            cursor.execute("CHECKPOINT")  # not in the middle of what is measured
        at_work = Turn(world, side, client, worker, database)
        stack.callback(at_work.thaw)  # what is frozen cannot end in order
        yield at_work


def bytes_received(broker: str) -> int | None:
    """What the broker and result server has been sent so far, if it is a Redis that says so."""
    if not broker.startswith("redis"):
        return None
    with redis.Redis.from_url(broker) as link:
        said: dict[str, int] = link.info("stats")
        return said["total_net_input_bytes"]


def _forget_messages(world: World, side: Side) -> None:
    """Empty a broker that is ours: what a former turn has left there names sagas of a database that is gone."""
    valkey = world.servers.valkey
    if valkey is None:
        return
    ours = [valkey.url(number) for number in range(2 * len(ALL))]
    for place in world.places(side).values() or ours[:2]:
        with redis.Redis.from_url(valkey.admin_url(ours.index(place))) as link:
            link.flushdb()


@contextlib.contextmanager
def _connected(url: str) -> Iterator[psycopg2.extensions.connection]:
    link = psycopg2.connect(url)
    link.autocommit = True
    try:
        yield link
    finally:
        link.close()


@contextlib.contextmanager
def _copy(template: str, side: str) -> Iterator[str]:
    """A database of its own beside the template, dropped afterwards, whoever is still connected."""
    name = urlsplit(template).path.lstrip("/")
    copy = f"{name}_{side}"
    # From within the template: it may have no other visitors while it is copied.
    with _connected(template) as link, link.cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{copy}" WITH (FORCE)')
        cursor.execute(f'CREATE DATABASE "{copy}" TEMPLATE "{name}"')
    try:
        yield urlunsplit(urlsplit(template)._replace(path=f"/{copy}"))
    finally:
        with _connected(template) as link, link.cursor() as cursor:
            cursor.execute(f'DROP DATABASE "{copy}" WITH (FORCE)')


def _end_in_order(worker: int, profile: Path) -> None:
    """Have a worker end by itself: only then does it leave its profile."""
    os.kill(worker, signal.SIGTERM)
    if not wait_until(profile.exists, seconds=PROFILE_WITHIN):
        raise Refusal("the worker has left no profile.")
