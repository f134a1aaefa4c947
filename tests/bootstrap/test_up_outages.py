"""`up` beside servers that do not answer for a while: it leaves them alone, and the system serves again by itself."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from config.system.boot.paths import PROJECT, DataFolder
from config.system.servers.credentials import load_credentials
from config.system.servers.host import Host
from config.system.servers.ports import Ports
from config.system.servers.postgres import Postgres
from config.system.servers.roles import Passwords
from tests.bootstrap.running_system import RunningSystem, manage, status_of, wait_until

SERVES_WITHIN = 10.0
ORDERS = PROJECT / "orders/fixtures/northwind/orders.jsonl"


def _frozen(system: RunningSystem, role: str, seconds: float) -> None:
    """Longer than the supervisor waits for an answer, so that it has looked in vain."""
    [pid] = system.pids(role)
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(seconds)  # nothing else shows that time has passed for the others
    finally:
        os.kill(pid, signal.SIGCONT)


def _connections(folder: Path) -> Iterator[Any]:
    """Connections of the superuser, one after the other, until there are no more."""
    secrets = load_credentials(folder / "secrets.json")
    where = Postgres(
        folder=DataFolder(folder),
        ports=Ports(folder / "ports.json"),
        host=Host(DataFolder(folder)),
        passwords=Passwords(
            secrets.database_password, secrets.owner_database_password, secrets.application_database_password
        ),
        throw_away=False,
    )
    while True:
        try:
            yield psycopg2.connect(where.superuser_url)
        except psycopg2.OperationalError:
            return


def _without_connections(system: RunningSystem) -> None:
    taken = list(_connections(system.folder))
    assert len(taken) > 100
    try:
        time.sleep(4)  # as above
    finally:
        for link in taken:
            link.close()


def _backends_killed(system: RunningSystem) -> None:
    for _ in range(5):
        with closing(next(_connections(system.folder))) as link, link.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            os.kill(cursor.fetchone()[0], signal.SIGKILL)
        wait_until(lambda: next(_connections(system.folder), None) is not None, "it has recovered", 20)


FAULTS: dict[str, Callable[[RunningSystem], None]] = {
    "PostgreSQL is frozen for eight seconds": lambda system: _frozen(system, "postgres", 8),
    "PostgreSQL has no connection left": _without_connections,
    "a backend is killed five times": _backends_killed,
    "Valkey is frozen for six seconds": lambda system: _frozen(system, "valkey", 6),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_server_that_does_not_answer_is_left_alone_the_system_serves_again_and_nothing_is_lost(
    system: RunningSystem, fault: Callable[[RunningSystem], None], tmp_path: Path
) -> None:
    orders = tmp_path / "orders.jsonl"
    orders.write_text("".join(ORDERS.read_text().splitlines(keepends=True)[:8]))
    before = {p["name"]: p["pid"] for p in system.status()["processes"]}
    assert manage("place_orders", str(orders), folder=system.folder).returncode == 0
    fault(system)
    wait_until(lambda: status_of(f"{system.url}/") == 200, "the storefront answers", SERVES_WITHIN)
    assert {p["name"]: p["pid"] for p in system.status()["processes"]} == before
    assert system.process.poll() is None
    ended = manage("place_orders", str(orders), "--wait", folder=system.folder, seconds=180)
    assert ended.returncode == 0, ended.stderr
    verified = manage("verify", folder=system.folder)
    assert verified.returncode == 0, verified.stdout
