"""Workers while the database takes no writes, no connections, or has no room: they wait, and nothing is held against a step."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.db import Error as DatabaseError

from orchestration.engine.outbox.sweep import sweep
from orchestration.engine.rows.reading import database_now
from orchestration.engine.steps.delivering import Performed, perform
from orchestration.engine.steps.pace import Ahead
from orchestration.engine.steps.participants import Participant
from orchestration.engine.steps.rights import StepMessage
from orchestration.models import SagaStep
from orchestration.testing import SagaRun
from tests.bootstrap.running_system import wait_until
from tests.database.outages import OUTAGES, no_room, prepared
from tests.orchestration import sample
from tests.orchestration.sample import TripInput, effects, provider, trip

INPUT = TripInput(name="Ada")
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def quiet() -> Iterator[None]:
    """Tasks fail by the dozen here, and what is logged of one keeps Celery's results alive into the next test."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(params=OUTAGES)
def outage(
    request: pytest.FixtureRequest, transactional_db: None, quiet: None
) -> Iterator[AbstractContextManager[None]]:
    """Begins with `with`."""
    with prepared(request.param):
        yield OUTAGES[request.param]()


def test_a_saga_waits_for_the_database_and_goes_on_with_one_effect_and_one_attempt_each(
    outage: AbstractContextManager[None],
    by_worker: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It begins in the middle of a charge: the money is taken, and nobody can write that down."""
    at_the_provider, go_on, cannot_be_recorded = (threading.Event() for _ in range(3))
    in_vain: list[str] = []
    charge = sample.do_charge.act

    def slow_charge(command: Any, context: Any) -> Any:
        at_the_provider.set()
        assert go_on.wait(20)
        return charge(command, context)

    def tried(function: Callable[[], Any]) -> Callable[[], Any]:
        def beat() -> Any:
            try:
                return function()
            except DatabaseError as error:
                in_vain.append(str(error))
                raise

        return beat

    def performed(participant: Participant, message: StepMessage, ahead: Ahead | None) -> Performed:
        try:
            return perform(participant, message, ahead)
        except DatabaseError:
            cannot_be_recorded.set()
            raise

    # Whichever of both asks the database first.
    monkeypatch.setattr("orchestration.broker.heartbeat.sweep", tried(sweep))
    monkeypatch.setattr("orchestration.broker.heartbeat.database_now", tried(database_now))
    monkeypatch.setattr("orchestration.participant.perform", performed)
    monkeypatch.setattr(sample.do_charge, "act", slow_charge)
    run = by_worker(trip, INPUT)
    assert at_the_provider.wait(20)
    run.until(lambda each: "sample.book_seat" in each.done)

    with outage:
        go_on.set()
        assert cannot_be_recorded.wait(20)
        assert provider.count("charge") == 1
        wait_until(lambda: len(in_vain) > 2, "the heart beats on", 20)

    run.skip(60).until_rest()  # as if its lease had run out
    assert (run.state, run.undone, run.incidents) == ("completed", [], [])
    assert sorted(effects(run.id)) == ["book_seat", "confirm", "register", "send_ticket"]
    assert provider.count("charge") == provider.calls["charge"] == 1
    assert set(SagaStep.objects.filter(saga_id=run.id).values_list("attempts", flat=True)) == {1}
    run.close()


def test_however_often_there_is_no_room_for_an_effect_no_attempt_is_counted_until_there_is() -> None:
    """The claim finds room and its effect does not: far more often than the step may fail, or be delivered in vain."""
    run = SagaRun(trip, INPUT)
    with no_room("sample_effect"):
        for _ in range(10):
            while run.carry_one():
                pass
            run.skip(5)
    step = run.step("sample.register")
    assert (step.attempts, step.deliveries) == (0, 0)
    assert run.saga.history.filter(kind="step_postponed", data__code="53100").count() == 10
    assert (run.until_rest().state, run.undone, run.incidents) == ("completed", [], [])
    assert (run.step("sample.register").attempts, effects(run.id).count("register")) == (1, 1)
