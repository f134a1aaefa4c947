"""A hundred thousand ended and ten thousand waiting sagas in the tables change nothing in what anything costs.

Costs are rows, pages and plans, which are the same on every machine. With `-s` times are printed as well, measured in turns.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models.functions import Now
from django.test import Client
from pytest_django import DjangoDbBlocker

from orchestration.engine.flow.inbox import receive_event
from orchestration.engine.flow.misfits import wake_for_deliveries
from orchestration.engine.messages.dead_letters import letter_of, set_aside
from orchestration.engine.messages.envelope import dataschema_of
from orchestration.engine.messages.probes import answer
from orchestration.engine.messages.transport import use_transport
from orchestration.engine.outbox.drain import drain
from orchestration.engine.outbox.receipts import put_back_lost_events
from orchestration.engine.outbox.sweep import sweep
from orchestration.engine.rows.locks import lock_saga
from orchestration.engine.rows.reading import newest_rows
from orchestration.engine.steps.rights import Right, renew
from orchestration.models import DeadLetter, InboxMessage, Incident, Saga, SagaEvent
from orchestration.operations.lookup import saga_called
from orchestration.operations.terminal.counting import statistics
from orchestration.services import find_saga
from orchestration.testing import SagaRun
from orchestration.testing.mail import Habits
from orchestration.testing.transport import HandTransport
from tests.orchestration.retained import compensated, completed, pruned
from tests.orchestration.sample import TripInput, trip
from tests.volume.costs import Cost, cost_of, explained_all
from tests.volume.many_sagas import BIG, COPIES, ManySagas, many_sagas
from tests.volume.plans import reading
from tests.volume.side_by_side import empty_copy, in_turns, told

pytestmark = [pytest.mark.durability, pytest.mark.owner]
in_a_transaction = pytest.mark.django_db
BIG_TABLES = {model._meta.db_table for model in BIG}
MOST_PAGES = 100
"""Of one statement. A row is found in an index of this size by three or four pages, and a statement touches a few rows."""


def one_sweep() -> None:
    with use_transport(HandTransport(Habits())):
        swept = sweep()
    assert (swept.messages, swept.sagas) == (0, 0)


def start() -> SagaRun:
    return SagaRun(trip, TripInput(name="Ada"))


WORK: dict[str, Callable[[], Any]] = {
    "a sweep with nothing to do": one_sweep,  # first: those that are only started leave it something to send
    "start a saga": start,
    "run one to its end": lambda: start().until_rest(),
    "run one that waits for an event": completed,
    "run one that is undone": compensated,
}


@pytest.fixture(scope="module")
def on_empty_tables(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> dict[str, Cost]:
    """What everything costs before there is anything; by index, as the same work will be done later."""
    costs = {}
    with django_db_blocker.unblock():
        for name, work in WORK.items():
            with transaction.atomic():
                work()  # a connection prepares once what every saga does
                costs[name] = cost_of(work, by_index_only=True)
                transaction.set_rollback(True)
    return costs


@pytest.fixture(scope="module")
def empty_database(on_empty_tables: object, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    with django_db_blocker.unblock(), empty_copy() as name:
        yield name


@pytest.fixture(scope="module")
def sagas(empty_database: str, django_db_blocker: DjangoDbBlocker) -> Iterator[ManySagas]:
    with django_db_blocker.unblock(), many_sagas() as made:
        assert made.total == sum(COPIES.values()) + len(COPIES)
        yield made


@in_a_transaction
@pytest.mark.parametrize("name", WORK)
def test_the_same_statements_read_the_same_rows(
    on_empty_tables: dict[str, Cost], sagas: ManySagas, name: str
) -> None:
    WORK[name]()  # as there
    before, now = on_empty_tables[name], cost_of(WORK[name])
    assert len(now.statements) == len(before.statements)
    assert {table: rows for table, rows in now.in_order.items() if rows and table in BIG_TABLES} == {}
    # Recording a step writes the saga's row anew; in a full index each of the two unique ones looks at a row for it.
    records = sum("orderly_record" in statement for statement in now.statements)
    if name != "a sweep with nothing to do":
        assert now.rows() <= before.rows() + 2 * records
    else:
        assert now.rows() <= 10  # of outbox and probes; none of any saga
        assert now.by_index["orchestration_saga"] == 0


@in_a_transaction
@pytest.mark.parametrize("name", WORK)
def test_no_statement_touches_more_than_a_few_pages(sagas: ManySagas, name: str) -> None:
    done = explained_all(WORK[name])
    assert [(each.pages, each.statement) for each in done if each.pages > MOST_PAGES] == []
    assert [each.statement for each in done if BIG_TABLES & set(each.read_in_order)] == []
    if name == "a sweep with nothing to do":
        assert sum(each.pages for each in done) <= 20


def test_times_side_by_side_are_told(
    sagas: ManySagas,
    empty_database: str,
    django_db_blocker: DjangoDbBlocker,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing is asserted of a time: the machine may be busy. What it takes is printed with `-s`."""
    here = connection.settings_dict["NAME"]
    lines = []
    for name, work in WORK.items():
        times = 30 if name.startswith("a sweep") else 5
        with django_db_blocker.unblock():
            empty, full = in_turns(work, (empty_database, here), rounds=9, times=times)
        lines.append(told(name, empty, full))
    # What was started here stays, and is nothing for a later sweep.
    with django_db_blocker.unblock():
        Saga.objects.filter(wake_at__lte=Now() + timedelta(minutes=1)).update(wake_at=None)
    with capsys.disabled():
        print("", *lines, sep="\n")  # noqa: T201
    assert len(lines) == len(WORK)


def test_how_fast_retention_goes_is_told(
    sagas: ManySagas, django_db_blocker: DjangoDbBlocker, capsys: pytest.CaptureFixture[str]
) -> None:
    with django_db_blocker.unblock():
        began = time.perf_counter()
        done = pruned(completed="720d", outbox="720d")
    rows, seconds = done.removed.total(), time.perf_counter() - began
    with capsys.disabled():
        print(f"\nretention: {rows} rows of {done.sagas['completed']} sagas in {seconds:.1f} s")  # noqa: T201
    assert (done.complete, 0 < done.sagas["completed"] < 2_000) == (True, True)
    assert rows > 10 * done.sagas["completed"]


PAGES = {
    "orchestration/saga/": 6,
    "orchestration/saga/?p=50": 6,
    "orchestration/saga/?q=nobody": 6,
    "orchestration/saga/?state__exact=waiting": 6,
    "orchestration/saga/?state__exact=completed": 6,
    "orchestration/saga/?state__exact=undo_failed": 6,
    "orchestration/saga/?attention=incident": 6,
    "orchestration/saga/?attention=open": 6,
    "orchestration/saga/?attention=paused": 6,
    "orchestration/saga/?attention=rescued": 6,
    "orchestration/saga/?attention=redated": 6,
    "orchestration/saga/?age=hour": 6,
    "orchestration/saga/?age=open-week": 6,
    "orchestration/saga/?definition=sample.trip": 6,
    "orchestration/saga/{completed}/change/": 13,
    "orchestration/saga/{compensated}/change/": 13,
    "orchestration/incident/": 5,
    "orchestration/outboxmessage/": 4,
    "orchestration/outboxmessage/?sent_at__isempty=1": 4,
    "orchestration/inboxmessage/": 5,
    "orchestration/inboxmessage/?became=parked": 5,
    "orchestration/deadletter/": 6,
}


@in_a_transaction
@pytest.mark.parametrize("path", PAGES)
def test_a_page_of_the_admin_asks_as_little_as_ever(client: Client, sagas: ManySagas, path: str) -> None:
    client.force_login(User.objects.create_superuser("operator", password="not used here"))
    address = "/admin/" + path.format(**sagas.samples)
    client.get(address)  # the first request of a process also asks for content types
    done = reading(lambda: client.get(address))
    assert done.response.status_code == 200
    assert done.wasteful == []
    assert done.count() <= PAGES[path], done


@in_a_transaction
def test_a_batch_of_retention_reads_what_it_removes_and_no_more(sagas: ManySagas) -> None:
    before = Saga.objects.count()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM orchestration_saga WHERE state = 'failed' ORDER BY created_at LIMIT 50"
        )
        oldest = [row[0] for row in cursor.fetchall()]
    Saga.objects.filter(id__in=oldest).update(
        created_at=Now() - timedelta(days=5000), ended_at=Now() - timedelta(days=5000)
    )
    cost = cost_of(lambda: pruned(failed="4999d", batch=20))
    assert Saga.objects.count() == before - 50
    assert {table: rows for table, rows in cost.in_order.items() if rows and table in BIG_TABLES} == {}
    removed = 50 * (1 + 2 + 5)  # the saga, its steps, its history
    assert cost.rows() <= 8 * removed
    again = cost_of(lambda: pruned(failed="4999d", batch=20))
    assert again.rows() <= 5


admin_client = Client()


def _first_waiting() -> Saga:
    return Saga.objects.filter(state="waiting").order_by("created_at")[0]


def _an_event_for_it() -> None:
    key = _first_waiting().business_key
    receive_event(
        {
            "specversion": "1.0", "id": "new", "type": "sample.seat_free", "source": "sample", "key": key,
            "time": "2026-01-01T00:00:00+00:00", "dataschema": dataschema_of("sample.seat_free"), "data": {"seat": "1A"},
        }
    )  # fmt: skip


def _admin(path: str) -> Callable[[], object]:
    return lambda: admin_client.get(f"/admin/orchestration/{path}")


def _lock() -> None:
    with transaction.atomic():
        lock_saga(_first_waiting().id)


def _letter() -> None:
    set_aside(letter_of(queue="q", task="t", reason="malformed", detail="", body=b"x"))


SERVES: dict[str, Callable[[], object]] = {
    "orchestration_saga_pkey": _lock,
    "saga_due": one_sweep,
    "saga_awaits_queue": lambda: answer("sample", "2026-01-01T00:00:00+00:00"),
    "saga_one_per_business_key": lambda: find_saga("sample.trip", _first_waiting().business_key),
    "saga_by_state": lambda: pruned(completed="600d", dry_run=True, batch=10_000),
    "saga_newest_first": _admin("saga/"),
    "saga_paused": _admin("saga/?attention=paused"),
    "saga_rescued": _admin("saga/?attention=rescued"),
    "saga_reference": lambda: saga_called(_first_waiting().reference),
    "orchestration_sagastep_pkey": lambda: renew(Right(7, 1, 1), lease=1.0),
    "step_once": lambda: newest_rows(_first_waiting()),
    "history_gap_free": lambda: list(SagaEvent.objects.filter(saga=_first_waiting())),
    "history_rescues": statistics,
    "orchestration_outboxmessage_pkey": lambda: pruned(outbox="729d", dry_run=True),
    "outbox_unsent": drain,
    "outbox_unreceived": put_back_lost_events,
    "outbox_set_aside": put_back_lost_events,
    "orchestration_inboxmessage_pkey": _admin("inboxmessage/"),
    "inbox_each_event_once": _an_event_for_it,
    "inbox_parked": lambda: pruned(parked="729d", dry_run=True),
    "inbox_each_saga_once": lambda: pruned(completed="729d", dry_run=True, batch=10),
    "delivery_open": wake_for_deliveries,
    "orchestration_inboxdelivery_message_id_13914bc6": _admin("inboxmessage/"),
    "inbox_key": lambda: list(InboxMessage.objects.filter(key=_first_waiting().business_key)),
    "orchestration_incident_pkey": _admin("incident/00000000-0000-7000-8000-000000000000/change/"),
    "incident_open_once": lambda: list(Incident.objects.filter(resolved_at=None).order_by()),
    "orchestration_incident_saga_id_55b30ead": lambda: list(Incident.objects.filter(saga=_first_waiting())),
    "dead_letter_counted_once": _letter,
    "dead_letter_of_event": lambda: list(DeadLetter.objects.filter(event="of one event").order_by()),
    "dead_letter_newest": lambda: list(DeadLetter.objects.order_by("-last_at")[:50]),
    "orchestration_queueprobe_pkey": lambda: answer("sample", "2026-01-01T00:00:00+00:00"),
}
SERVE_NO_QUERY = {
    "orchestration_sagaevent_pkey",
    "orchestration_deadletter_pkey",
    "orchestration_inboxdelivery_pkey",
}
"""Django wants a key of one column; nothing asks by these."""
SMALL = ("incident", "dead_letter", "queueprobe", "history_rescues")


@in_a_transaction
@pytest.mark.parametrize("index", SERVES)
def test_each_index_serves_its_query(sagas: ManySagas, index: str) -> None:
    with connection.cursor() as cursor:
        # Of a table with a handful of rows PostgreSQL reads all; these queries are asked of it grown.
        small = any(name in index for name in SMALL)
        cursor.execute(f"SET LOCAL enable_seqscan = {'off' if small else 'on'}")
    admin_client.force_login(User.objects.create_superuser("operator", password="not used here"))
    used = {name for each in explained_all(SERVES[index]) for name in each.indexes}
    assert index in used


@in_a_transaction
def test_there_is_no_index_that_serves_nothing(sagas: ManySagas) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexname FROM pg_indexes WHERE tablename LIKE 'orchestration\\_%%'")
        there = {row[0] for row in cursor.fetchall()}
    assert there == SERVES.keys() | SERVE_NO_QUERY
