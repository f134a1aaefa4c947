"""What the server is told to end: transactions that are left open, and waits for a lock. Long steps have their time."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from config.system.boot.paths import PROJECT
from orchestration.models import Saga
from orchestration.testing import SagaRun
from tests.bootstrap.running_system import wait_until
from tests.database import flows
from tests.database.flows import Report, reporting
from tests.database.outages import administrator
from tests.orchestration.sample import TripInput, trip

pytestmark = pytest.mark.django_db(transaction=True)

SHOW = """
import django; django.setup()
from django.db import connection
with connection.cursor() as cursor:
    for name in ("idle_in_transaction_session_timeout", "lock_timeout", "statement_timeout"):
        cursor.execute("SELECT current_setting(%s)", [name])
        print(cursor.fetchone()[0])
"""


@pytest.fixture
def short(transactional_db: None) -> Iterator[None]:
    """Every connection of this process is given three tenths of a second instead of a minute."""
    options = connection.settings_dict["OPTIONS"]
    usual = options["options"]
    connection.close()
    options["options"] = f"{usual} -c idle_in_transaction_session_timeout=300ms"
    yield
    connection.close()
    options["options"] = usual


@pytest.mark.parametrize(
    ("chosen", "shown"),
    [
        ({}, ["1min", "10s", "0"]),
        ({"ORDERLY_LOCK_SECONDS": "3", "ORDERLY_STATEMENT_SECONDS": "30"}, ["1min", "3s", "30s"]),
        ({"ORDERLY_LOCK_SECONDS": "0", "ORDERLY_IDLE_IN_TRANSACTION_SECONDS": "0"}, ["0", "0", "0"]),
        # A pooler takes no options of a connection.
        ({"ORDERLY_POOLED": "1", "ORDERLY_STATEMENT_SECONDS": "30"}, ["0", "0", "0"]),
    ],
)
def test_every_process_connects_with_its_timeouts(
    process_environment: dict[str, str], chosen: dict[str, str], shown: list[str]
) -> None:
    process_environment.pop("ORDERLY_IDLE_IN_TRANSACTION_SECONDS")
    environment = {**process_environment, "DJANGO_SETTINGS_MODULE": "config.settings", **chosen}
    ended = subprocess.run(
        [sys.executable, "-c", SHOW], env=environment, cwd=PROJECT, capture_output=True, text=True, timeout=60
    )
    assert ended.stdout.split() == shown, ended.stderr


def test_a_transaction_that_is_abandoned_is_ended_by_the_server_and_its_rows_are_free(short: None) -> None:
    run = SagaRun(trip, TripInput(name="Ada"))
    held, over = threading.Event(), threading.Event()
    fate: list[Exception] = []

    def abandon() -> None:
        try:
            with transaction.atomic():
                Saga.objects.select_for_update().get(id=run.id)
                held.set()
                assert over.wait(20)
        except OperationalError as error:
            fate.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=abandon)
    thread.start()
    assert held.wait(20)
    try:
        with administrator() as execute:
            idle = (
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND state = 'idle in transaction'"
            )
            wait_until(lambda: execute(idle) == [(0,)], "the server has ended it", 20)
        assert run.until_rest().state == "completed"
    finally:
        over.set()
        thread.join(20)
    assert len(fate) == 1


def test_a_long_local_step_has_the_time_it_has_declared(short: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """It computes for longer than connections may be idle, and its transaction is still there."""
    ran: list[str] = []

    def long(command: Any, context: Any) -> None:
        idle_for_long()
        ran.append(context.step)

    monkeypatch.setattr(flows.do_write_report, "act", long)
    run = SagaRun(reporting, Report(name="sums")).until_rest()
    assert (run.state, ran, run.step("database_tests.write_report").attempts) == (
        "completed", ["database_tests.write_report"], 1,
    )  # fmt: skip


def idle_for_long() -> None:
    """Do nothing in an open transaction for longer than others may; by the server's clock and not by ours."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        row = cursor.fetchone()
    assert row is not None
    with administrator() as execute:
        for_long = (
            "SELECT state_change < clock_timestamp() - interval '800 ms' OR state IS NULL "
            "FROM pg_stat_activity WHERE pid = %s"
        )
        wait_until(lambda: execute(for_long, values=row) in ([(True,)], []), "idle for long", 20)


def test_a_step_that_idles_beyond_its_time_is_an_attempt_and_given_up_in_the_end(
    short: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It must not be mistaken for an outage of the database, and come again for ever."""

    def long(command: Any, context: Any) -> None:
        idle_for_long()

    monkeypatch.setattr(flows.do_note_report, "act", long)
    run = SagaRun(reporting, Report(name="sums"))
    run.until(lambda each: each.saga.history.filter(kind="step_retry").count() == 2)
    assert run.step("database_tests.note_report").attempts == 2


def test_whoever_waits_too_long_for_a_lock_is_refused_and_comes_again() -> None:
    run = SagaRun(trip, TripInput(name="Ada")).until(lambda each: "sample.charge" in each.done)
    with administrator() as execute:
        execute("BEGIN")
        execute("SELECT 1 FROM orchestration_saga WHERE id = %s FOR UPDATE", values=(str(run.id),))
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '100ms'")
        with pytest.raises(OperationalError, match="lock timeout"):
            run.until_rest()
        execute("ROLLBACK")
    assert run.until_rest().state == "completed"
    assert run.saga.history.filter(kind="step_retry").count() == 0
    connection.close()
