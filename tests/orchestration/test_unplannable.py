"""A saga that cannot be planned opens an incident, and the others are swept all the same."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestration.core.planning.plan import plan
from orchestration.engine.flow import advance
from orchestration.engine.messages.transport import use_transport
from orchestration.engine.outbox.sweep import HELD_FOR, LOOK_AGAIN, sweep
from orchestration.engine.rows.reading import database_now
from orchestration.models import Incident, Saga
from orchestration.testing import SagaRun
from tests.orchestration.sample import TripInput, trip


def test_a_saga_that_cannot_be_planned_is_told_of_until_it_can(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, other = SagaRun(trip, TripInput(name="Ada")), SagaRun(trip, TripInput(name="Bea"))
    for each in (run, other):
        each.until(lambda run: "sample.register" in run.done)
    Saga.objects.update(wake_at="2000-01-01T00:00Z")

    def overflow(definition: object, view: object, now: object, **more: object) -> object:
        raise OverflowError("date value out of range")

    monkeypatch.setattr(advance, "plan", overflow)
    with use_transport(run.transport):
        sweep()
    found = Incident.objects.filter(kind="cannot_plan", resolved_at=None)
    assert {incident.saga_id for incident in found} == {run.id, other.id}
    assert found[0].message == "OverflowError: date value out of range"
    monkeypatch.setattr(advance, "plan", plan)
    assert run.skip(61).until_rest().state == "completed"
    assert run.incidents == []


def test_what_happens_once_costs_seconds_and_what_stays_is_tried_each_minute(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = SagaRun(trip, TripInput(name="Ada")).until(lambda run: "sample.register" in run.done)

    def overflow(*_: object, **more: object) -> object:
        raise OverflowError("date value out of range")

    def swept() -> timedelta:
        Saga.objects.update(wake_at="2000-01-01T00:00Z")
        with use_transport(run.transport):
            sweep()
        wake_at = run.saga.wake_at
        assert wake_at is not None
        return wake_at - database_now()

    monkeypatch.setattr(advance, "plan", overflow)
    assert swept() <= HELD_FOR
    assert HELD_FOR < swept() <= LOOK_AGAIN
    assert Incident.objects.filter(kind="cannot_plan").count() == 1
