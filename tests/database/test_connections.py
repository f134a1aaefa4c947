"""Pool processes keep their database connection from task to task, and take another one when the server has ended it."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import connection, connections, transaction

from orchestration.broker.connections import drop_dead_connections
from orchestration.models import Saga, SagaStep
from tests.bootstrap.running_system import wait_until
from tests.broker import errand
from tests.orchestration.worker_process import empty, worker_process

pytestmark = pytest.mark.django_db(transaction=True)


def backend() -> int:
    connection.ensure_connection()
    return int(connection.connection.info.backend_pid)


def end(pid: int) -> None:
    """Have the server end a session, from another one, and wait until it has."""
    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
            assert cursor.fetchone() == (True,)
    finally:
        other.close()


def test_a_connection_in_order_is_kept() -> None:
    before = backend()
    drop_dead_connections()
    assert backend() == before


def test_one_that_the_server_has_ended_is_replaced_before_anybody_stumbles_over_it() -> None:
    before = backend()
    end(before)
    drop_dead_connections()
    assert Saga.objects.count() == 0
    assert backend() != before


def test_one_that_is_too_old_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    before = backend()
    monkeypatch.setattr(connection, "close_at", 0.0)
    drop_dead_connections()
    assert backend() != before


def test_one_inside_a_transaction_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with transaction.atomic():
        before = backend()
        monkeypatch.setattr(connection, "close_at", 0.0)
        drop_dead_connections()
        assert connection.connection is not None
    assert backend() == before


def test_a_worker_runs_many_tasks_over_few_connections_and_survives_their_end(
    process_environment: dict[str, str], tmp_path: Path
) -> None:
    empty(*errand.QUEUES)
    environment = {**process_environment, errand.LEDGER: str(tmp_path / "ledger")}
    ended = Saga.objects.filter(state="completed")
    with worker_process(environment, "-c", "1", "-I", "tests.broker.errand", queues=errand.QUEUES):
        before = sessions()
        errand.start(8)
        wait_until(lambda: ended.count() == 8, "every saga has ended", 60)
        made = sessions() - before
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        errand.start(2)
        wait_until(lambda: ended.count() == 10, "two more have ended", 60)
    tasks = SagaStep.objects.count()
    assert tasks == 50
    # The pool process, its lease threads (one for each external call), and whoever looks after the outbox.
    assert made < 8 * 2 + 10
    assert SagaStep.objects.exclude(attempts=1).count() == 0


def sessions() -> int:
    """How many sessions this database has ever had."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sessions FROM pg_stat_database WHERE datname = current_database()")
        found: int = cursor.fetchone()[0]
    return found
