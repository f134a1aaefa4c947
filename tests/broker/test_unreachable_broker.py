"""A whole system whose broker swallows every packet, or refuses, for longer than any timeout. Real processes, real sockets."""

from __future__ import annotations

import json
import os
import re
import signal
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg2
import pytest

from config.system.boot.paths import DataFolder
from config.system.servers.credentials import load_credentials
from config.system.servers.host import Host
from config.system.servers.ports import Ports
from config.system.servers.postgres import Postgres
from config.system.servers.roles import Passwords
from tests.acceptance.conftest import World, starting_worlds
from tests.bootstrap.running_system import wait_until
from tests.broker.own_valkey import own_valkey
from tests.broker.proxy import Proxy, proxy
from tests.orders.conftest import ORDER

pytestmark = pytest.mark.durability
PROCESSES = ("web", "worker1", "worker2")
PLENTY = "NW-75"
"""A product with 125 units: none of these orders has to wait for stock."""
SETTLES = 90.0
"""Seconds within which everything must have gone on; it takes about ten."""


class Shop:
    """A running system behind a proxy, seen from outside."""

    def __init__(self, world: World, line: Proxy) -> None:
        self.world, self.line = world, line
        secrets = load_credentials(world.folder / "secrets.json")
        embedded = Postgres(
            folder=DataFolder(world.folder), ports=Ports(world.folder / "ports.json"), host=Host(DataFolder(world.folder)),
            throw_away=False, passwords=Passwords(
                secrets.database_password, secrets.owner_database_password, secrets.application_database_password
            ),
        )  # fmt: skip
        self.database = psycopg2.connect(world.environment.get("DATABASE_URL") or embedded.url)
        self.database.autocommit = True
        self.token = secrets.api_token

    def ask(self, statement: str) -> Any:
        with self.database.cursor() as cursor:
            cursor.execute(statement)
            (answer,) = cursor.fetchone() or (None,)
            return answer

    def unsent(self) -> int:
        return int(self.ask("SELECT count(*) FROM orchestration_outboxmessage WHERE sent_at IS NULL"))

    def open_sagas(self) -> int:
        return int(self.ask("SELECT count(*) FROM orchestration_saga WHERE ended_at IS NULL"))

    def place(self, count: int) -> list[int]:
        """Post so many orders, one after the other; their statuses."""
        return [self._place() for _ in range(count)]

    def _place(self) -> int:
        order = {**ORDER, "reference": f"T-{uuid4().hex[:12]}", "lines": [{"sku": PLENTY, "quantity": 1}]}
        request = urllib.request.Request(  # noqa: S310 - our own loopback address
            f"{self.world.url}/api/orders",
            json.dumps(order).encode(),
            {
                "Content-Type": "application/json",
                "Idempotency-Key": uuid4().hex,
                "Authorization": f"Bearer {self.token}",
            },
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=20) as response:
            return int(response.status)

    def lines(self) -> Counter[str]:
        """How many lines each process has told the log."""
        plain = re.sub(r"\x1b\[[0-9;]*m", "", self.world.said)
        return Counter(re.findall(r"^\d\d:\d\d:\d\d (\w+) +\|", plain, re.MULTILINE))

    def said_since(self, mark: int) -> str:
        return self.world.said[mark:]

    def assert_everything_goes_on(self, since: int) -> None:
        """The outbox drains, every saga ends, and each worker and the web server's relay are at work again."""
        wait_until(lambda: self.unsent() == 0, "the outbox is drained", SETTLES)
        wait_until(lambda: self.open_sagas() == 0, "every saga has ended", SETTLES)
        wait_until(lambda: self._both_work(since), "both workers carry out tasks again", SETTLES)
        self._assert_relay_sends_alone()

    def _both_work(self, since: int) -> bool:
        self.place(2)
        text = self.said_since(since)
        return all(
            re.search(rf"{name}\b.*Task [\w.]+\[[^]]+\] succeeded", text) for name in ("worker1", "worker2")
        )

    def _assert_relay_sends_alone(self) -> None:
        workers = self.world.pids("worker")
        assert len(workers) == 2
        wait_until(lambda: self.unsent() == 0, "nothing is left to send", SETTLES)
        for worker in workers:
            os.killpg(worker, signal.SIGSTOP)
        try:
            assert self.place(1) == [201]
            wait_until(lambda: self.unsent() == 0, "the relay of the web server has sent it", SETTLES)
        finally:
            for worker in workers:
                os.killpg(worker, signal.SIGCONT)
        wait_until(lambda: self.open_sagas() == 0, "and the workers carry it out", SETTLES)


@pytest.fixture(scope="module")
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    with own_valkey() as valkey, proxy(valkey.port) as line, starting_worlds(request.config) as start:
        parts = urlsplit(valkey.url())
        address = urlunsplit(parts._replace(netloc=parts.netloc.replace(str(valkey.port), str(line.port))))
        made = Shop(start(CELERY_BROKER_URL=address, ORDERLY_THROTTLING="off"), line)
        yield made
        line.mend()
        made.database.close()


def _both_gave_up(shop: Shop, mark: int) -> Callable[[], bool]:
    """Whether the relay and a heartbeat have waited to the end of their timeouts, and said so."""

    def given_up() -> bool:
        text = shop.said_since(mark)
        return "relay: the broker is away" in text and text.count("heartbeat: the broker is away") >= 6

    return given_up


@pytest.mark.parametrize("how", ["swallow", "refuse"])
def test_orders_are_taken_while_the_broker_cannot_be_reached_and_all_of_them_end(
    shop: Shop, how: str
) -> None:
    assert shop.place(3) == [201] * 3
    wait_until(lambda: shop.open_sagas() == 0, "the first orders have ended", SETTLES)
    mark, before, began = len(shop.world.said), shop.lines(), time.monotonic()
    pids = {name: shop.world.pids(name) for name in ("web", "worker")}
    getattr(shop.line, how)()
    try:
        assert shop.place(10) == [201] * 10
        wait_until(_both_gave_up(shop, mark), "timeouts have passed", SETTLES)
        assert shop.unsent() == 10
        assert shop.place(5) == [201] * 5
        assert shop.unsent() == 15
        lasted, lines = time.monotonic() - began, shop.lines() - before
    finally:
        shop.line.mend()
    # About a line a second; a connection that is lost is told once with its trace.
    assert max(lines[name] for name in PROCESSES) < lasted + 60
    shop.assert_everything_goes_on(len(shop.world.said))
    assert {name: shop.world.pids(name) for name in ("web", "worker")} == pids, (
        "nobody had to be started again"
    )
    shop.world.assert_in_order()
