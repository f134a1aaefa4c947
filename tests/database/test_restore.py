"""A backup restored beside an empty broker: every saga in it goes on, and no provider sees a second effect."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest

from config.system.boot.paths import DataFolder
from config.system.servers.host import Host
from tests.acceptance.conftest import World, starting_worlds
from tests.acceptance.test_orders_from_outside import call, order
from tests.bootstrap.running_system import manage, wait_until

pytestmark = [pytest.mark.durability, pytest.mark.acceptance]

ORDERS = 12
ADDRESS = "import os; print(os.environ['ORDERLY_OWNER_DATABASE_URL'])"
UNDER_WAY = """
import json
from orchestration.models import Saga
print(json.dumps(list(Saga.objects.exclude(state="completed").values_list("state", flat=True))))
"""
RESTORE = """
import os, subprocess
subprocess.run(
    [os.environ["PG_RESTORE"], "--clean", "--if-exists", "--exit-on-error", "--dbname", os.environ["ORDERLY_OWNER_DATABASE_URL"],
     os.environ["BACKUP"]], check=True)
"""


@pytest.fixture
def start_world(request: pytest.FixtureRequest) -> Iterator[Callable[..., World]]:
    """Starts systems on fresh data; those running at the end are stopped."""
    with starting_worlds(request.config) as start:
        yield start


def test_a_backup_from_the_middle_of_a_dozen_orders_is_restored_and_no_effect_comes_twice(
    start_world: Callable[..., World], tmp_path: Path
) -> None:
    """Everything that happened after the backup was made, providers remember and we do not."""
    world = start_world()
    programs, backup = Host(DataFolder(world.folder)).programs.postgres, tmp_path / "backup"
    address = shell(world, ADDRESS)
    for number in range(ORDERS):
        body = order(f"BACKUP-{number}", "NW-01", 1, card="card_ok")
        assert (
            call(world, "POST", "/api/orders", body, Idempotency_Key=f"backup-{number}".ljust(36, "-"))[0]
            == 201
        )
    subprocess.run(
        [programs / "pg_dump", "--format=custom", "--file", backup, "--dbname", address],
        check=True,
        timeout=30,
    )
    wait_until(lambda: states(address) == {"completed": ORDERS}, "all orders are shipped", 60)
    before = remembered(world)
    kill_everything(world)

    shutil.rmtree(world.folder / "valkey")
    shell(world, RESTORE, PG_RESTORE=str(programs / "pg_restore"), BACKUP=str(backup))
    with closing(sqlite3.connect(DataFolder(world.folder).ledger("carrier"))) as ledger:
        # As one asks a carrier after a restore: to tell its news since the backup again.
        ledger.execute("UPDATE dispatches SET told_at = NULL, next_at = 0")
        ledger.commit()
    assert json.loads(shell(world, UNDER_WAY)) != []

    again = World(world.folder, environment=world.environment)
    try:
        again.wait_until_ready()
        wait_until(lambda: states(address) == {"completed": ORDERS}, "every saga of the backup has ended", 60)
        again.assert_in_order()
        after = remembered(again)
    finally:
        again.stop()
    assert after["effects"] == before["effects"]
    assert after["effects"] == {"authorization": ORDERS, "capture": ORDERS, "label": ORDERS}
    assert after["calls"] > before["calls"]  # they were asked again, and said the same


def shell(world: World, code: str, **environment: str) -> str:
    """Run Python on the world's data, with its servers started where they do not run; the last line it prints."""
    ended = manage(
        "shell", "--no-imports", "-c", code, folder=world.folder, environment={**world.environment, **environment}
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]
    return (ended.stdout.strip().splitlines() or [""])[-1]


def states(address: str) -> dict[str, int]:
    with closing(psycopg2.connect(address)) as link, link.cursor() as cursor:
        cursor.execute("SELECT state, count(*) FROM orchestration_saga GROUP BY state")
        return {str(state): int(count) for state, count in cursor.fetchall()}


def remembered(world: World) -> dict[str, Any]:
    """What the two providers have in their own ledgers: effects by kind, and how often they were called."""
    folder = DataFolder(world.folder)
    effects: dict[str, int] = {}
    calls = 0
    for name, query in {
        "gateway": "SELECT kind, count(*) FROM effects GROUP BY kind",
        "carrier": "SELECT 'label', count(*) FROM labels",
    }.items():
        with closing(sqlite3.connect(folder.ledger(name))) as ledger:
            effects.update(ledger.execute(query).fetchall())
            calls += ledger.execute("SELECT count(*) FROM calls").fetchone()[0]
    return {"effects": effects, "calls": calls}


def kill_everything(world: World) -> None:
    living = world.living()
    os.kill(world.process.pid, signal.SIGKILL)
    world.process.wait()
    wait_until(
        lambda: not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in living),
        "what it had started died with it",
        20,
    )
