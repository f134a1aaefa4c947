"""An event whose data do not fit is kept, told of, and applied once it fits: mended by its sender, or by our code."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.db.models import F

from orchestration.core.definition.references import Message
from orchestration.engine.flow import misfits
from orchestration.engine.flow.inbox import receive_event
from orchestration.engine.flow.misfits import look_again
from orchestration.errors import InvalidEnvelope
from orchestration.models import InboxDelivery, InboxMessage, Incident, OutboxMessage
from orchestration.services import publish_event
from orchestration.testing import SagaRun
from tests.orchestration.sample import effects
from tests.orchestration.test_deliveries import fates, news, swept, waiting
from tests.orchestration.verdict import EVENT, Report, ledger, verdict

pytestmark = pytest.mark.django_db
WRONG = {"outcome": "canary-eaten", "more": "canary"}


@pytest.fixture
def key() -> str:
    return str(uuid4())


@pytest.fixture
def run(key: str) -> SagaRun:
    return waiting(key, verdict)[0]


def _passes(seconds: float) -> None:
    InboxDelivery.objects.filter(state="due").update(due_at=F("due_at") - timedelta(seconds=seconds))


def test_a_person_is_told_at_the_saga_that_waits_and_nothing_of_what_the_data_hold(
    run: SagaRun, key: str
) -> None:
    event = news(key, WRONG)
    assert receive_event(event) == []
    assert (run.state, fates(key)) == ("waiting", {"verdict.run": "due"})
    [incident] = run.incidents
    assert (incident.kind, incident.step) == ("event_misfit", EVENT)
    assert event["id"] in incident.message
    assert "outcome: Input should be 'delivered' or 'lost'" in incident.message
    assert "canary" not in incident.message + incident.runbook
    assert run.saga.history.filter(kind="event_misfit").count() == 1


def test_the_same_id_with_data_that_fit_is_applied(run: SagaRun, key: str) -> None:
    event = news(key, WRONG)
    receive_event(event)
    assert receive_event({**event, "data": {"outcome": "lost"}}) == [run.id]
    assert run.until_rest().state == "completed"
    assert effects(run.id) == ["lost"]
    assert (run.incidents, InboxMessage.objects.count()) == ([], 1)
    assert Incident.objects.get().resolution == "The event has come."
    # From here on the id is taken.
    assert receive_event({**event, "data": {"outcome": "delivered"}}) == []
    assert InboxMessage.objects.get().envelope["data"] == {"outcome": "lost"}


def test_another_event_that_fits_closes_it_and_the_misfit_is_left_with_its_reason(
    run: SagaRun, key: str
) -> None:
    receive_event(news(key, WRONG))
    receive_event(news(key))
    assert run.until_rest().state == "completed"
    assert run.incidents == []
    assert set(InboxDelivery.objects.values_list("state", flat=True)) == {"applied", "ignored"}


@pytest.mark.parametrize("changed", [{"type": "another.type"}, {"key": "another"}])
def test_the_same_id_about_something_else_is_not_taken_for_a_correction(
    run: SagaRun, key: str, changed: dict[str, str]
) -> None:
    event = news(key, WRONG)
    receive_event(event)
    receive_event({**event, **changed, "data": {"outcome": "lost"}})
    assert (InboxMessage.objects.get().envelope, fates(key)) == (event, {"verdict.run": "due"})


class Wider(Message):
    outcome: str


@pytest.mark.parametrize("is_new_worker", [True, False])
def test_code_that_takes_the_data_applies_it(
    run: SagaRun, key: str, monkeypatch: pytest.MonkeyPatch, is_new_worker: bool
) -> None:
    receive_event(news(key, {"outcome": "eaten"}))
    monkeypatch.setattr(Report, "model_validate", Wider.model_validate)
    swept(run)
    assert fates(key) == {"verdict.run": "due"}  # not in each sweep
    if is_new_worker:
        assert look_again() == 1
    else:
        _passes(61)
    swept(run)
    assert (fates(key), run.incidents) == ({"verdict.run": "applied"}, [])


def test_while_it_does_not_fit_it_is_tried_each_minute_and_told_once(run: SagaRun, key: str) -> None:
    receive_event(news(key, WRONG))
    for _ in range(3):
        _passes(61)
        swept(run)
        delivery = InboxDelivery.objects.get()
        assert (delivery.state, delivery.wait) == ("due", EVENT)
        assert delivery.due_at is not None
    assert (Incident.objects.count(), run.saga.history.filter(kind="event_misfit").count()) == (1, 1)


def test_only_the_waits_time_limit_still_counts_and_then_all_is_closed(key: str) -> None:
    from tests.orchestration.sample import TripInput, trip

    run = SagaRun(trip, TripInput(name="Ada", full=True), business_key=key).until_rest()
    receive_event(news(key, {"seat": 1}, type="sample.seat_free", source="sample"))
    assert [each.kind for each in run.incidents] == ["event_misfit"]
    run.skip(2 * 86400 + 1).until_rest()
    assert (run.state, run.incidents) == ("compensated", [])
    assert fates(key) == {"sample.trip": "ignored"}


def test_where_one_saga_can_take_it_and_another_cannot_each_goes_its_way(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = waiting(key)
    usual = misfits.fitted

    def picky(wait: Any, envelope: dict[str, Any]) -> Any:
        return usual(wait, {"data": WRONG} if wait is ledger.waits[EVENT] else envelope)

    monkeypatch.setattr("orchestration.engine.flow.waits.fitted", picky)
    event = news(key)
    assert receive_event(event) == [first.id]
    assert fates(key) == {"verdict.run": "applied", "verdict.ledger": "due"}
    # One of them has had it, so other data under its id would be another event.
    receive_event({**event, "data": {"outcome": "delivered"}})
    assert InboxMessage.objects.get().envelope == event
    assert [each.kind for each in second.incidents] == ["event_misfit"]


def test_data_that_no_wait_could_take_are_refused_where_they_are_published() -> None:
    with transaction.atomic(), pytest.raises(InvalidEnvelope) as refused:
        publish_event(type=EVENT, source="test", key="k", data=WRONG)
    assert str(refused.value) == (
        "the data of courier.reported fits no saga that waits for it: outcome: Input should be 'delivered' or 'lost'; "
        "more: Extra inputs are not permitted"
    )
    assert not OutboxMessage.objects.exists()


def test_a_type_that_nobody_ever_waits_for_is_named_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), transaction.atomic():
        publish_event(type="courier.reprted", source="test", key="k")
    assert (
        "event courier.reprted is published, and no saga that is known here waits for its type" in caplog.text
    )
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        receive_event(news("k", type="courier.reprted"))
    assert "no saga that is known here waits for its type, courier.reprted" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING), transaction.atomic():
        publish_event(type=EVENT, source="test", key="k", data={"outcome": "lost"})
        receive_event(news("k"))
    assert caplog.text == ""
