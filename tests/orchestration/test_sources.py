"""Whoever has a key may speak, and not of everything: a wait takes an event from its own source only."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from celery import current_app
from django.db import transaction

from orchestration import Message, escalate, hours, local, saga, step, wait_for
from orchestration.core.definition import registry
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.engine.flow.inbox import receive_event
from orchestration.engine.flow.misfits import look_again
from orchestration.engine.messages.seals import sealed
from orchestration.errors import DefinitionError, InvalidEnvelope
from orchestration.models import InboxDelivery, Incident, OutboxMessage
from orchestration.services import publish_event
from orchestration.testing import SagaRun
from orders.sagas import fulfil_order
from tests.orchestration.sample import TripInput, trip
from tests.orchestration.test_deliveries import news, swept
from tests.orchestration.verdict import verdict

EVENT = "sample.seat_free"
SEAT = {"seat": "12A"}


def _event(run: SagaRun, source: str, **more: Any) -> dict[str, Any]:
    return news(run.saga.business_key, SEAT, type=EVENT, source=source, **more)


@pytest.fixture
def run(db: None) -> SagaRun:
    return SagaRun(trip, TripInput(name="Ada", full=True)).until_rest()


def _by_broker(event: dict[str, Any]) -> None:
    """As a worker runs it: a genuine seal, of the source it names."""
    current_app.tasks["orchestration.receive_event"].run(envelope=sealed(event))


@pytest.mark.parametrize("take", [receive_event, _by_broker])
def test_an_event_of_another_source_is_not_applied_and_a_person_is_told_why(run: SagaRun, take: Any) -> None:
    take(_event(run, "carrier"))
    assert run.state == "waiting"
    [incident] = run.incidents
    assert (incident.kind, incident.step) == ("event_misfit", EVENT)
    assert "it comes from carrier; this wait takes it from sample only" in incident.message
    assert "source=" in incident.runbook
    assert run.saga.history.get(kind="event_misfit").data["reason"] == InboxDelivery.objects.get().reason

    take(_event(run, "sample"))
    assert run.until_rest().state == "completed"
    assert (run.incidents, Incident.objects.get().resolution) == ([], "The event has come.")
    assert set(InboxDelivery.objects.values_list("message__source", "state")) == {
        ("sample", "applied"),
        ("carrier", "ignored"),
    }


def test_one_that_came_before_its_wait_opened_does_not_open_it_either(db: None) -> None:
    key = str(uuid4())
    early = SagaRun(trip, TripInput(name="Ada", full=True), business_key=key)
    receive_event(news(key, SEAT, type=EVENT, source="carrier"))
    receive_event(news(key, {"seat": "1B"}, type=EVENT, source="sample"))
    assert early.until_rest().state == "completed"
    assert early.step(EVENT).result == {"seat": "1B"}
    assert InboxDelivery.objects.get(state="applied").message.source == "sample"


def test_one_that_came_before_its_saga_does_not_open_its_wait(db: None) -> None:
    key = str(uuid4())
    receive_event(news(key, SEAT, type=EVENT, source="carrier"))
    late = SagaRun(trip, TripInput(name="Ada", full=True), business_key=key).until_rest()
    assert (late.state, [each.kind for each in late.incidents]) == ("waiting", ["event_misfit"])


def test_code_that_takes_it_from_there_applies_what_was_kept(
    run: SagaRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive_event(_event(run, "carrier"))
    assert run.state == "waiting"
    monkeypatch.setattr(
        type(trip.waits[EVENT]), "takes_from", lambda wait, source: source in ("sample", "carrier")
    )
    look_again()
    swept(run)
    assert run.until_rest().state == "completed"


def test_it_is_refused_where_it_is_published(db: None) -> None:
    with transaction.atomic(), pytest.raises(InvalidEnvelope) as refused:
        publish_event(type=EVENT, source="carrier", key="k", data=SEAT)
    assert str(refused.value) == (
        "event sample.seat_free fits no saga that waits for it: it comes from carrier; this wait takes it from sample only"
    )
    assert not OutboxMessage.objects.exists()


def test_a_run_under_test_speaks_as_the_source_of_the_wait_or_as_it_is_told(run: SagaRun) -> None:
    with pytest.raises(InvalidEnvelope):
        run.send(EVENT, SEAT, source="carrier")
    run.send(EVENT, SEAT).until_rest()
    assert (run.state, OutboxMessage.objects.get(kind="event").payload["source"]) == ("completed", "sample")


class Nothing(Message):
    pass


done = local("source.done", takes=Nothing)


def _waiting_for(event: str, **more: Any) -> SagaDefinition:
    definition = saga(
        f"source.of_{uuid4().hex[:8]}",
        version=1,
        input=Nothing,
        flow=wait_for(event, within=hours(1), otherwise=escalate, **more) | step(done, pivot=True),
    )
    registry.forget(definition)
    return definition


@pytest.mark.parametrize(
    ("event", "said", "takes", "refuses"),
    [
        ("stations.train_left", None, "stations", "trips"),
        ("stations.train_left", "https://stations.example", "https://stations.example", "stations"),
        ("stations.north.train_left", None, "stations", "stations.north"),
        ("train_left", None, "train_left", "stations"),
        ("stations.train_left", "*", "whoever", None),
    ],
)
def test_the_source_is_what_is_said_or_the_first_part_of_the_events_type(
    event: str, said: str | None, takes: str, refuses: str | None
) -> None:
    [wait] = _waiting_for(event, **({} if said is None else {"source": said})).waits.values()
    assert wait.takes_from(takes)
    assert refuses is None or not wait.takes_from(refuses)


def test_it_is_no_part_of_what_running_sagas_are_told_apart_by() -> None:
    [plain] = _waiting_for("a.b").waits.values()
    [other] = _waiting_for("a.b", source="c").waits.values()
    same: dict[str, Any] = {"name": "source.same", "version": 1, "input": Nothing}
    known = saga(**same, flow=plain | step(done, pivot=True))
    try:
        assert saga(**same, flow=other | step(done, pivot=True)).fingerprint == known.fingerprint
    finally:
        registry.forget(known)
    assert "source" not in fulfil_order.export()["flow"]["nodes"][1]


@pytest.mark.parametrize("wrong", [7, "", "  ", ["a"], "\0"])
def test_what_is_no_source_is_refused_where_it_is_written(wrong: Any) -> None:
    with pytest.raises(DefinitionError, match="its source"):
        _waiting_for("a.b", source=wrong)


def test_the_shops_waits_take_news_of_stock_and_parcels_from_shipping_only() -> None:
    assert [wait.takes_from("shipping") for wait in fulfil_order.waits.values()] == [True, True]
    assert not any(wait.takes_from("payments") for wait in fulfil_order.waits.values())
    assert verdict.waits["courier.reported"].takes_from("anybody")
