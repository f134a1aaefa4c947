"""An event is delivered to every saga of its key that is open when it comes, to each in a transaction of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from config.system.boot.paths import PROJECT
from orchestration.core.definition import registry
from orchestration.engine.flow.inbox import receive_event
from orchestration.engine.messages.transport import use_transport
from orchestration.engine.outbox.sweep import sweep
from orchestration.models import InboxDelivery, InboxMessage, Saga
from orchestration.testing import SagaRun
from tests.bootstrap.running_system import wait_until
from tests.orchestration.sample import effects
from tests.orchestration.verdict import EVENT, Parcel, ledger, verdict

pytestmark = pytest.mark.django_db


def news(key: str, data: dict[str, Any] | None = None, **facts: Any) -> dict[str, Any]:
    """An event as it comes to the inbox."""
    return {
        "specversion": "1.0", "id": str(uuid4()), "source": "test", "type": EVENT, "key": key,
        "data": {"outcome": "lost"} if data is None else data, **facts,
    }  # fmt: skip


def waiting(key: str, *definitions: Any) -> list[SagaRun]:
    return [
        SagaRun(each, Parcel(number="P-1"), business_key=key).until_rest()
        for each in definitions or (verdict, ledger)
    ]


def fates(key: str) -> dict[str, str]:
    """What became of the events of a key, by definition."""
    found = InboxDelivery.objects.filter(message__key=key)
    return dict(found.values_list("saga__definition", "state"))


def swept(*runs: SagaRun) -> None:
    for run in runs:
        with use_transport(run.transport):
            sweep()


def test_every_saga_of_the_key_that_waits_gets_it() -> None:
    key = str(uuid4())
    runs = waiting(key)
    assert set(receive_event(news(key))) == {run.id for run in runs}
    assert [run.until_rest().state for run in runs] == ["completed", "completed"]
    assert [effects(run.id) for run in runs] == [["lost"], ["logged lost"]]
    assert fates(key) == {"verdict.run": "applied", "verdict.ledger": "applied"}
    assert InboxMessage.objects.count() == 1


def test_told_again_it_changes_nothing_for_any_of_them() -> None:
    key = str(uuid4())
    waiting(key)
    event = news(key)
    receive_event(event)
    before = list(Saga.objects.values().order_by("id"))
    assert receive_event(event) == []
    assert receive_event({**event, "data": {"outcome": "delivered"}}) == []
    assert list(Saga.objects.values().order_by("id")) == before
    assert InboxMessage.objects.get().envelope == event


def test_a_saga_that_starts_later_gets_it_only_while_no_saga_has_had_it() -> None:
    key = str(uuid4())
    receive_event(news(key))
    first, second = waiting(key, verdict, ledger)
    assert (first.state, second.state) == ("completed", "waiting")
    assert fates(key) == {"verdict.run": "applied"}


def test_one_that_came_too_late_for_a_saga_is_not_kept_for_the_next() -> None:
    key = str(uuid4())
    [ended] = waiting(key, verdict)
    ended.cancel().until_rest()
    receive_event(news(key))
    [later] = waiting(key, ledger)
    assert (later.state, fates(key)) == ("waiting", {"verdict.run": "ignored"})
    assert InboxDelivery.objects.get().reason == "the saga was already cancelled"


def test_a_saga_that_has_ended_keeps_it_from_none_that_is_open() -> None:
    key = str(uuid4())
    ended, open_one = waiting(key)
    ended.cancel().until_rest()
    assert receive_event(news(key)) == [open_one.id]
    assert fates(key) == {"verdict.ledger": "applied"}


def test_with_one_saga_storing_and_applying_are_one_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    key = str(uuid4())
    waiting(key, verdict)

    def fails(*_: object, **more: object) -> None:
        raise RuntimeError("the process has a bug")

    monkeypatch.setattr("orchestration.engine.flow.waits.resolve_incidents", fails)
    with pytest.raises(RuntimeError):
        receive_event(news(key))
    assert not InboxMessage.objects.exists()


def test_one_saga_that_cannot_take_it_keeps_it_from_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    key = str(uuid4())
    first, second = waiting(key)
    broken = registry.find("verdict.run", 1)
    registry.forget(broken)
    try:
        assert receive_event(news(key)) == [second.id]
        assert fates(key) == {"verdict.run": "parked", "verdict.ledger": "applied"}
    finally:
        registry.register(broken)
    swept(first)  # code that knows it is there again
    assert first.until_rest().state == "completed"
    assert fates(key) == {"verdict.run": "applied", "verdict.ledger": "applied"}


_RECEIVE = """
import json, sys
import django
django.setup()
import tests.orchestration.verdict
from orchestration.engine.flow.inbox import receive_event
receive_event(json.loads(sys.argv[1]))
"""


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_after_the_first_saga_loses_none_of_the_others(
    process_environment: dict[str, str],
) -> None:
    key = str(uuid4())
    first, second = waiting(key)
    with transaction.atomic():
        # Held, so that the process comes to a stand between the two.
        Saga.objects.select_for_update(no_key=True).get(id=second.id)
        process = subprocess.Popen(
            [sys.executable, "-c", _RECEIVE, json.dumps(news(key))], cwd=PROJECT, env=process_environment
        )
        wait_until(lambda: fates(key).get("verdict.run") == "applied", "the first saga has it", 30)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
    assert fates(key) == {"verdict.run": "applied", "verdict.ledger": "due"}
    swept(second)
    assert fates(key) == {"verdict.run": "applied", "verdict.ledger": "applied"}
    assert [run.until_rest().state for run in (first, second)] == ["completed", "completed"]


@pytest.mark.django_db(transaction=True)
def test_the_broker_delivers_it_once_more_to_those_that_are_left() -> None:
    key = str(uuid4())
    first, second = waiting(key)
    event = news(key)
    receive_event(event)
    InboxDelivery.objects.filter(saga_id=second.id).delete()
    Saga.objects.filter(id=second.id).update(state="waiting")
    second.saga.steps.filter(name=EVENT).update(state="waiting", result=None)
    InboxDelivery.objects.create(
        saga_id=second.id, message=InboxMessage.objects.get(), state="due", due_at=second.saga.created_at
    )
    assert receive_event(event) == [second.id]
    assert (first.state, second.until_rest().state) == ("running", "completed")


def test_a_saga_that_is_started_at_the_same_moment_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The event does not see the saga, whose start is not committed; nor does its wait see the event, which is not either."""
    from orchestration.engine.flow import inbox

    key = str(uuid4())
    [run] = waiting(key, verdict)
    sagas, asked = inbox._sagas, []

    def not_yet(key: str) -> list[Saga]:
        asked.append(key)
        return [] if len(asked) == 1 else sagas(key)

    monkeypatch.setattr(inbox, "_sagas", not_yet)
    assert receive_event(news(key)) == [run.id]
    assert (fates(key), InboxMessage.objects.get().parked) == ({"verdict.run": "applied"}, False)


def test_sagas_with_nothing_to_come_cost_the_sweep_one_statement() -> None:
    waiting(str(uuid4()))
    with CaptureQueriesContext(connection) as seen:
        sweep()
    assert sum("orchestration_inboxdelivery" in each["sql"] for each in seen) == 1


def test_a_delivery_that_cannot_be_looked_at_is_not_asked_for_in_each_sweep() -> None:
    key = str(uuid4())
    run, _ = waiting(key)
    message = InboxMessage.objects.create(
        source="test", event_id="1", type="nobody.waits", key=key, envelope={}
    )
    InboxDelivery.objects.create(
        saga_id=run.id, message=message, state="due", due_at=run.saga.created_at - timedelta(hours=1)
    )
    swept(run)
    delivery = InboxDelivery.objects.get()
    assert delivery.due_at is not None
    assert delivery.due_at > Saga.objects.annotate(moment=F("updated_at")).get(id=run.id).moment
    assert isinstance(run.id, UUID)
