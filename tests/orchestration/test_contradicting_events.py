"""News that contradict each other, and news for nobody: one decides, all are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models import F

from orchestration.engine.flow.inbox import receive_event
from orchestration.engine.outbox.sweep import sweep
from orchestration.models import InboxDelivery, InboxMessage, Saga
from orchestration.testing import SagaRun
from tests.orchestration.sample import effects
from tests.orchestration.verdict import EVENT, Parcel, verdict

BOTH = ("delivered", "lost")
pytestmark = pytest.mark.django_db(transaction=True)


def _news(key: str, outcome: str) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": str(uuid4()), "source": outcome, "type": EVENT, "key": key, "data": {"outcome": outcome},
    }  # fmt: skip


def _at_once(*calls: Callable[[], Any]) -> None:
    barrier = Barrier(len(calls))

    def run(call: Callable[[], Any]) -> None:
        try:
            barrier.wait(20)
            call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        list(pool.map(run, calls))


def test_of_contradicting_events_at_once_one_decides_and_the_other_is_kept_with_the_reason() -> None:
    for _ in range(4):
        run = SagaRun(verdict, Parcel(number="P-1")).until_rest()
        key = run.saga.business_key
        _at_once(*[partial(receive_event, _news(key, outcome)) for outcome in BOTH * 3])
        assert run.until_rest().state == "completed"
        kept = InboxDelivery.objects.filter(saga_id=run.id)
        assert Counter(kept.values_list("state", flat=True)) == {"applied": 1, "ignored": 5}
        assert effects(run.id) == [kept.get(state="applied").message.source]
        assert run.saga.history.filter(kind="event_applied").count() == 1
        assert run.saga.history.filter(kind="event_ignored").count() == 5
        assert set(kept.filter(state="ignored").values_list("reason", flat=True)) == {
            "every wait for it had already ended"
        }


@pytest.mark.parametrize("first", BOTH)
def test_of_contradicting_events_that_came_early_the_first_decides(first: str) -> None:
    second = next(outcome for outcome in BOTH if outcome != first)
    run = SagaRun(verdict, Parcel(number="P-1"))
    for outcome in (first, second):
        run.send(EVENT, {"outcome": outcome})
    run.until(lambda each: InboxMessage.objects.filter(key=each.saga.business_key).count() == 2).until_rest()
    assert (run.state, effects(run.id)) == ("completed", [first])
    states = InboxDelivery.objects.filter(saga_id=run.id).order_by("message__received_at")
    assert list(states.values_list("state", "message__envelope__data__outcome")) == [
        ("applied", first),
        ("ignored", second),
    ]


def test_contradicting_news_after_the_decision_change_nothing() -> None:
    run = SagaRun(verdict, Parcel(number="P-1")).until_rest()
    run.send(EVENT, {"outcome": "delivered"}).until_rest()
    before = Saga.objects.values().get(id=run.id)
    run.send(EVENT, {"outcome": "lost"})
    while run.carry_one():
        pass
    assert effects(run.id) == ["delivered"]
    after = Saga.objects.values().get(id=run.id)
    assert {**after, "last_seq": 0} == {**before, "last_seq": 0}
    assert InboxDelivery.objects.get(state="ignored").reason == "the saga was already completed"


def test_an_event_for_nobody_is_kept_until_somebody_waits_for_it() -> None:
    """Nothing of ours throws it away: neither a sweep, nor a year."""
    key = str(uuid4())
    receive_event(_news(key, "lost"))
    InboxMessage.objects.update(received_at=F("received_at") - timedelta(days=365))
    sweep()
    assert InboxMessage.objects.get(key=key).parked
    run = SagaRun(verdict, Parcel(number="P-1"), business_key=key).until_rest()
    assert (run.state, effects(run.id)) == ("completed", ["lost"])
    assert InboxDelivery.objects.get(message__key=key).state == "applied"
    assert not InboxMessage.objects.get(key=key).parked
