"""The sweep with large tables: it reads what is due and what is unsent, by index, and nothing else."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from orchestration.engine.messages.transport import use_transport
from orchestration.engine.outbox.drain import drain
from orchestration.engine.outbox.sweep import sweep
from orchestration.models import OutboxMessage, Saga
from orchestration.testing import SagaRun
from orchestration.testing.transport import HandTransport
from tests.database.outages import administrator
from tests.database.statements import Scan, explained
from tests.orchestration.sample import TripInput, trip

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.owner]

SAGAS, STEPS, OUTBOX = "orchestration_saga", "orchestration_sagastep", "orchestration_outboxmessage"
WAITING = 10_000
SENT = 2_000


def fill(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


@pytest.fixture
def waiting(transactional_db: None) -> SagaRun:
    """One saga that waits for a seat for two days, ten thousand copies of it, and the sent messages of all."""
    run = SagaRun(trip, TripInput(name="Ada", full=True)).until_rest()
    assert run.state == "waiting"
    numbered = "nextval(pg_get_serial_sequence('{}', 'id'))"
    copied = {
        SAGAS: {"id": "md5(t.id::text || n)::uuid", "business_key": "md5(t.id::text || n)"},
        STEPS: {"id": numbered.format(STEPS), "saga_id": "md5(t.saga_id::text || n)::uuid"},
        OUTBOX: {"id": numbered.format(OUTBOX), "saga_id": "md5(t.saga_id::text || n)::uuid"},
    }
    with connection.cursor() as cursor:
        for table, new in copied.items():
            cursor.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_name = %s", [table]
            )
            names = [str(name) for (name,) in cursor.fetchall()]
            cursor.execute(
                f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(new.get(name, f't.{name}') for name in names)}"  # noqa: S608 - names of columns
                f" FROM {table} t CROSS JOIN generate_series(1, {WAITING}) n"
            )
        cursor.execute("ANALYZE")
    return run


def test_among_ten_thousand_waiting_sagas_a_sweep_reads_those_that_are_due(waiting: SagaRun) -> None:
    due = list(Saga.objects.values_list("id", flat=True)[:3])
    Saga.objects.filter(id__in=due).update(wake_at="2020-01-01T00:00:00Z")
    with use_transport(HandTransport()), explained(SAGAS, STEPS, OUTBOX) as scans:
        assert sweep().sagas == 3
    assert Saga.objects.filter(state="waiting").count() == WAITING + 1
    steps_of_one = waiting.saga.steps.count()
    assert [scan for scan in scans if not scan.index or scan.rows > max(len(due), steps_of_one)] == []
    assert {"saga_due", "outbox_unsent"} <= {scan.index for scan in scans}


def test_a_sweep_with_nothing_due_reads_no_row(waiting: SagaRun) -> None:
    with use_transport(HandTransport()), explained(SAGAS, STEPS, OUTBOX) as scans:
        assert (sweep().sagas, sweep().messages) == (0, 0)
    assert len(scans) >= 4
    assert [scan for scan in scans if scan.rows] == []


def test_beside_a_snapshot_that_stays_open_the_outbox_is_polled_by_the_same_plan() -> None:
    """No dead version may be removed while it is open, so their number grows; the rows that are read do not."""
    with administrator() as execute:
        execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        assert execute("SELECT count(*) FROM orchestration_outboxmessage") == [(0,)]
        events = [{"id": str(uuid4()), "type": "a.b", "source": "s", "key": "k"} for _ in range(SENT)]
        OutboxMessage.objects.bulk_create(OutboxMessage(kind="event", payload=event) for event in events)
        with use_transport(HandTransport()):
            while drain():
                pass
        assert OutboxMessage.objects.filter(sent_at=None).count() == 0
        OutboxMessage.objects.bulk_create(OutboxMessage(kind="event", payload=event) for event in events[:3])
        fill("VACUUM ANALYZE orchestration_outboxmessage")
        beside = polled()
        assert execute("SELECT count(*) FROM orchestration_outboxmessage") == [(0,)]  # it is still open
        execute("ROLLBACK")
    OutboxMessage.objects.filter(sent_at=None).update(claimed_until=None)
    fill("VACUUM ANALYZE orchestration_outboxmessage")
    OutboxMessage.objects.bulk_create(OutboxMessage(kind="event", payload=event) for event in events[:3])
    after = polled()
    assert (beside.index, after.index) == ("outbox_unsent", "outbox_unsent")
    assert (beside.rows, after.rows) == (3, 3)
    # Two dead entries for each message that was sent meanwhile: its first version, and the one that a relay had claimed.
    assert after.blocks < SENT < beside.blocks < 3 * SENT


def polled() -> Scan:
    """What the statement that looks for unsent messages has read."""
    with use_transport(HandTransport()), explained(OUTBOX) as scans:
        assert drain() == 3
    (found,) = [scan for scan in scans if "SKIP LOCKED" in scan.statement]
    return found
