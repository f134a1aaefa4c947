"""Whoever can write to a queue can name any step of an order: it acts only when the flow has come to it."""

from __future__ import annotations

import time
from itertools import count
from typing import Any

import pytest

from orchestration.core.planning.states import Direction
from orchestration.engine.steps.delivering import perform
from orchestration.engine.steps.pace import Ahead
from orchestration.engine.steps.participants import everyone, participant_for
from orchestration.engine.steps.rights import StepMessage
from orchestration.engine.steps.settle import settle
from orchestration.models import SagaEvent, SagaStep
from orchestration.testing import SagaRun
from orders.sagas import fulfil_order
from tests.orders.fulfilment import fulfil, status_of, stock

pytestmark = pytest.mark.django_db

MOMENTS = {
    "back-ordered": (("NW-11", 9_000), "backordered"),
    "waiting for its parcel": (("NW-11", 2), "confirmed"),
    "cancelled": (("NW-05", 2), "cancelled"),
}
WAYS: dict[str, dict[str, Any]] = {
    "for the first time": {},
    "redelivered": {"redelivered": True},
    "to a worker that runs ahead": {"ahead": True},
}


def _everything(run: SagaRun) -> tuple[Any, ...]:
    return (
        run.saga.state,
        run.saga.last_seq,
        list(SagaStep.objects.filter(saga_id=run.id).order_by("id").values()),
        SagaEvent.objects.filter(saga_id=run.id).count(),
        list(run.script.calls),
    )


def _forge(
    run: SagaRun, task: str, step: str, direction: Direction, *, redelivered: bool, ahead: bool
) -> None:
    numbers = count()
    message = StepMessage(run.id, step, direction, run.saga.epoch, (), "forged", redelivered)
    participant = participant_for(task)
    assert participant is not None
    everywhere = Ahead(
        frozenset({"orders", "payments", "shipping", "notifications"}),
        time.monotonic(),
        lambda: f"forged.{next(numbers)}",
    )
    with run._at_work():
        perform(participant, message, everywhere if ahead else None)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_every_step_that_is_named_out_of_turn_is_refused_and_leaves_no_trace(
    catalog: None, moment: str, way: str
) -> None:
    stock(NW_11=20, NW_05=1)
    line, status = MOMENTS[moment]
    order, run = fulfil(line)
    run.until_rest()
    assert status_of(order) == status
    before, tried = _everything(run), 0
    for step in fulfil_order.steps:
        for direction in Direction:
            try:
                task = fulfil_order.reference(step, direction.value).task
            except LookupError:
                continue
            given = {"redelivered": False, "ahead": False, **WAYS[way]}
            _forge(run, task, step, direction, **given)
            assert _everything(run) == before, (step, direction)
            tried += 1
    assert tried > 30


def test_a_task_does_not_perform_another_tasks_step(catalog: None) -> None:
    stock(NW_11=20)
    _, run = fulfil(("NW-11", 2))
    before = _everything(run)
    for task in everyone():
        if task != "orders.accept" and task.partition(".")[0] in {
            "orders",
            "payments",
            "shipping",
            "notifications",
        }:
            _forge(run, task, "orders.accept", Direction.FORWARD, redelivered=False, ahead=False)
            assert _everything(run) == before, task
    _forge(run, "orders.accept", "orders.accept", Direction.FORWARD, redelivered=False, ahead=False)
    assert [call[0] for call in run.script.calls] == ["orders.accept"]


def test_only_a_steps_own_provider_is_asked_what_became_of_it(catalog: None) -> None:
    """Another one knows nothing of its key: it would say that nothing was taken, and the money would stay with us."""
    stock(NW_11=20)
    _, run = fulfil(("NW-11", 2), lose_answer_at="payments.capture")
    run.until(
        lambda each: SagaStep.objects.filter(
            saga_id=each.id, name="payments.capture", state="unknown"
        ).exists()
    )
    run.cancel()
    SagaStep.objects.filter(saga_id=run.id, name="payments.capture").update(due_at=None)
    before, tried = _everything(run), 0
    for task in everyone():
        participant = participant_for(task)
        assert participant is not None
        if participant.reference.is_external and task != "payments.capture":
            settle(participant, run.id, "payments.capture")
            assert _everything(run) == before, task
            tried += 1
    capture = participant_for("payments.capture")
    assert capture is not None
    settle(capture, run.id, "no.such_step")
    assert _everything(run) == before
    assert tried >= 5
