"""What is removed of messages and of what is kept for people only."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django_celery_results.models import TaskResult

from orchestration.engine.flow.inbox import receive_event
from orchestration.models import DeadLetter, InboxMessage, OutboxMessage, QueueProbe, Saga
from orchestration.testing import SagaRun
from tests.orchestration.retained import aged, compensated, completed, pruned
from tests.orchestration.sample import TripInput, trip

pytestmark = pytest.mark.django_db

LONG_AGO = Now() - timedelta(days=40)
JUST_NOW = Now() - timedelta(hours=1)


@pytest.mark.parametrize(
    ("facts", "goes"),
    [
        ({"kind": "dispatch", "created_at": LONG_AGO, "sent_at": LONG_AGO}, True),
        ({"kind": "dispatch", "created_at": LONG_AGO, "sent_at": JUST_NOW}, False),
        ({"kind": "dispatch", "created_at": LONG_AGO, "sent_at": None}, False),
        ({"kind": "dispatch", "created_at": JUST_NOW, "sent_at": JUST_NOW}, False),
        ({"kind": "event", "created_at": LONG_AGO, "sent_at": LONG_AGO, "received_at": LONG_AGO}, True),
        ({"kind": "event", "created_at": LONG_AGO, "sent_at": LONG_AGO, "received_at": JUST_NOW}, False),
        ({"kind": "event", "created_at": LONG_AGO, "sent_at": LONG_AGO, "received_at": None}, False),
        ({"kind": "event", "created_at": LONG_AGO, "sent_at": None, "received_at": None}, False),
    ],
)
def test_of_the_outbox_goes_only_what_was_sent_and_has_arrived(facts: dict[str, object], goes: bool) -> None:
    compensated()
    saga = Saga.objects.get()
    kept = OutboxMessage.objects.count()
    OutboxMessage.objects.create(saga_id=saga.id, **facts)
    done = pruned(outbox="30d")
    assert done.removed["messages sent"] == int(goes)
    assert OutboxMessage.objects.count() == kept + (not goes)


def test_the_outbox_is_read_to_where_it_is_young_and_no_further() -> None:
    saga = aged(compensated(), 0).saga
    OutboxMessage.objects.all().delete()
    old = {"kind": "dispatch", "saga_id": saga.id, "created_at": LONG_AGO, "sent_at": LONG_AGO}
    young = {"kind": "dispatch", "saga_id": saga.id, "created_at": JUST_NOW, "sent_at": JUST_NOW}
    for facts in [old] * 5 + [{**old, "sent_at": None}] * 3 + [old] * 2 + [young] * 40:
        OutboxMessage.objects.create(**facts)
    done = pruned(outbox="30d", batch=4)
    assert (done.removed["messages sent"], done.batches) == (
        7,
        4,
    )  # 3 batches with old ones, and the first without
    assert OutboxMessage.objects.count() == 43


def _event(key: str, *, parked: bool = True, old: bool = True) -> InboxMessage:
    return InboxMessage.objects.create(
        source="test",
        event_id=f"{key}/{parked}/{old}",
        type="sample.seat_free",
        key=key,
        envelope={},
        parked=parked,
        received_at=LONG_AGO if old else JUST_NOW,
    )


def test_a_parked_event_goes_when_it_is_old_and_no_open_saga_may_come_to_wait_for_it() -> None:
    ended, waiting = compensated(), SagaRun(trip, TripInput(name="Ada", full=True)).until_rest()
    InboxMessage.objects.all().delete()
    gone = [_event("nobody"), _event(ended.saga.business_key)]
    kept = [
        _event(waiting.saga.business_key),
        _event("nobody", old=False),
        _event("nobody", parked=False),
    ]
    done = pruned(parked="30d", batch=1)
    assert done.removed["events parked"] == len(gone)
    assert set(InboxMessage.objects.values_list("id", flat=True)) == {message.id for message in kept}


def _letter(number: int, *, old: bool) -> None:
    moment = LONG_AGO if old else JUST_NOW
    DeadLetter.objects.create(
        queue="q", reason="malformed", size=1, sha256=str(number), received_at=LONG_AGO, last_at=moment
    )


def test_a_dead_letter_goes_by_when_it_came_last() -> None:
    for number in range(7):
        _letter(number, old=number < 5)
    done = pruned(dead_letters="30d", batch=2)
    assert (done.removed["dead letters"], done.batches) == (5, 3)
    assert set(DeadLetter.objects.values_list("sha256", flat=True)) == {"5", "6"}


def test_what_is_known_of_a_queue_goes_when_nobody_has_asked_for_long_and_no_saga_waits_for_it() -> None:
    for queue, asked, proven, unanswered in (
        ("old", LONG_AGO, LONG_AGO, 0),
        ("young", JUST_NOW, JUST_NOW, 0),
        ("awaited", LONG_AGO, LONG_AGO, 0),
        ("gone", JUST_NOW, None, 40 * 24 * 240),
        ("silent", JUST_NOW, None, 3),
    ):
        QueueProbe.objects.create(queue=queue, asked_at=asked, proven_at=proven, unanswered=unanswered)
    Saga.objects.filter(id=compensated().id).update(awaits_queue="awaited")
    QueueProbe.objects.exclude(
        queue__in=["old", "young", "awaited", "gone", "silent"]
    ).delete()  # whatever another test has asked for
    assert pruned(probes="30d").removed["probes"] == 2
    assert set(QueueProbe.objects.values_list("queue", flat=True)) == {"young", "awaited", "silent"}


def test_the_mirror_of_failed_tasks_goes_by_age() -> None:
    for number in range(4):
        TaskResult.objects.create(task_id=str(number))
    TaskResult.objects.filter(task_id__in=["0", "1", "2"]).update(date_done=LONG_AGO)
    assert pruned(task_results="30d", batch=2).removed["task results"] == 3
    assert TaskResult.objects.get().task_id == "3"


@pytest.mark.owner
def test_an_event_told_again_after_its_saga_is_gone_changes_nothing() -> None:
    run = aged(completed(), 40)
    key = run.saga.business_key
    told = InboxMessage.objects.get(key=key).envelope
    pruned(completed="30d")
    assert not InboxMessage.objects.exists()
    assert receive_event(told) == []
    assert (InboxMessage.objects.get().parked, Saga.objects.count()) == (True, 0)
