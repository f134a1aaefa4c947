"""Sagas that something else has started, carried by a test: `SagaRun.of`, `run_all`, and the fixtures of the plugin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from celery import current_app
from django.db import transaction

from orchestration import StepContext, saga, step
from orchestration.broker.project_checks import check_queues, queues_needed
from orchestration.core.definition import registry
from orchestration.engine.steps.participants import participant_for
from orchestration.errors import SagaNotFound
from orchestration.models import Saga
from orchestration.services import start_saga
from orchestration.testing import SagaRun, run_all
from orchestration.testing.pytest_plugin import run_sagas, saga_of
from tests.orchestration import sample
from tests.orchestration.sample import TripInput, trip

__all__ = ["run_sagas", "saga_of"]
INPUT = TripInput(name="Ada")


def _by_a_view(key: object) -> Saga:
    with transaction.atomic():
        return start_saga(trip, input=INPUT, business_key=str(key))


def test_a_saga_that_a_view_has_started_is_taken_over(db: None, saga_of: Callable[..., SagaRun]) -> None:
    key = uuid4()
    started = _by_a_view(key)
    run = saga_of(key, reject_at="sample.confirm")
    assert run.id == started.id
    assert run.until_rest().state == "compensated"


def test_of_none_or_several_it_says_so(db: None) -> None:
    with pytest.raises(SagaNotFound, match="there is not one saga but: none; was the transaction"):
        SagaRun.of("nobody")
    other = saga("sample.other", version=1, input=TripInput, flow=step(sample.confirm))
    try:
        _by_a_view("twice")
        with transaction.atomic():
            start_saga(other, input=INPUT, business_key="twice")
        with pytest.raises(SagaNotFound, match=r"sample\.other, sample\.trip; say definition="):
            SagaRun.of("twice")
        assert SagaRun.of("twice", definition=other).until_rest().done == ["sample.confirm"]
    finally:
        registry.forget(other)


def test_all_are_carried_those_that_a_step_starts_too(
    db: None, run_sagas: Callable[..., list[SagaRun]], monkeypatch: pytest.MonkeyPatch
) -> None:
    performer = participant_for("sample.send_ticket")
    assert performer is not None
    act = performer.act

    def starts_a_child(command: Any, context: StepContext) -> Any:
        if context.business_key == "parent":
            start_saga(trip, input=INPUT, business_key="child")
        return act(command, context)

    monkeypatch.setattr(performer, "act", starts_a_child)
    _by_a_view("parent")
    found = {run.saga.business_key: run.state for run in run_sagas()}
    assert found == {"parent": "completed", "child": "completed"}
    assert run_all() == []


@pytest.mark.parametrize(
    ("taken", "told"), [(set(), []), (None, []), ("all but one", ["orchestration.W310"])]
)
def test_a_queue_that_no_worker_takes_is_named_before_a_deployment(
    monkeypatch: pytest.MonkeyPatch, taken: Any, told: list[str]
) -> None:
    queues = queues_needed() - {"sample"} if taken == "all but one" else taken

    class Inspect:
        def active_queues(self) -> Any:
            return None if queues is None else {"worker": [{"name": name} for name in queues]}

    monkeypatch.setattr(current_app.control, "inspect", lambda **_: Inspect())
    found = check_queues()
    assert [each.id for each in found] == told
    assert all("'sample'" in each.msg for each in found)


def test_a_paused_saga_rests_and_keeps_no_other_one(db: None) -> None:
    paused = SagaRun.of(_by_a_view("one").business_key)
    paused.pause()
    _by_a_view("two")
    assert [run.state for run in run_all()] == ["accepted", "completed"]
    paused.resume()
    assert [run.state for run in run_all()] == ["completed"]
