"""A worker that goes straight on with the next step: same rows and history, fewer messages, and no harm when it goes wrong."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.planning.states import Direction
from orchestration.engine.steps import delivering, pace
from orchestration.engine.steps.delivering import Performed, Verdict, perform
from orchestration.engine.steps.pace import Ahead
from orchestration.engine.steps.participants import participant_for
from orchestration.engine.steps.rights import StepMessage
from orchestration.errors import StepRejected
from orchestration.models import Saga, SagaStep
from orchestration.services import cancel_saga, pause_saga
from orchestration.testing import SagaRun
from orchestration.verification import run_invariants
from tests.orchestration import steps_ahead
from tests.orchestration.steps_ahead import (
    Ledger,
    engine_statements,
    ledger,
    lose_the_answer_to_the_next_commit,
)

pytestmark = pytest.mark.django_db(transaction=True)
EVERY_QUEUE = frozenset({"ahead", "sample"})


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    ledger.clear()
    pace._slow.clear()
    # On a busy machine the quickest step may take longer than steps may stay together, and statements are counted here.
    monkeypatch.setattr(delivering, "TOGETHER_SECONDS", 60.0)
    with override_settings(ORCHESTRATION={"RUN_AHEAD_SECONDS": 60.0}):
        yield


def _ahead(queues: frozenset[str] = EVERY_QUEUE) -> Ahead:
    numbers = itertools.count(2)
    return Ahead(queues, time.monotonic(), lambda: f"task.{next(numbers)}")


def _deliver(run: SagaRun, step: str, *, ahead: Ahead | None = None, **more: Any) -> Performed:
    message = StepMessage(run.id, step, Direction.FORWARD, run.saga.epoch, (), "task", **more)
    with run._at_work():
        return perform(steps_ahead.participants[step], message, ahead or _ahead())


def _names(performed: Performed) -> list[str]:
    return [each.message.step for each in performed.ahead]


def test_one_message_carries_a_chain_to_its_end_with_the_rows_and_history_of_six() -> None:
    run = SagaRun(steps_ahead.chain, Ledger(name="x"))
    performed = _deliver(run, "ahead.one")
    assert (performed.verdict, _names(performed)) == (Verdict.ENDED, ["ahead.two", "ahead.three"])
    by_message = SagaRun(steps_ahead.chain, Ledger(name="x")).until_rest()
    assert run.state == by_message.state == "completed"
    assert run.milestone == by_message.milestone == "Counted"
    assert _rows(run.id) == _rows(by_message.id)
    assert _history(run.id) == _history(by_message.id)
    assert [row.task_id for row in run.saga.steps.order_by("id")] == ["task", "task.2", "task.3"]
    assert _is_sound()


def test_it_costs_one_statement_of_the_engine_for_the_look_and_one_for_all_records() -> None:
    run = SagaRun(steps_ahead.chain, Ledger(name="x"))
    _deliver(SagaRun(steps_ahead.chain, Ledger(name="warm")), "ahead.one")
    with CaptureQueriesContext(connection) as seen:
        _deliver(run, "ahead.one")
    assert engine_statements(seen) == ["look", "record"]
    assert len([query for query in seen if "sample_effect" in query["sql"]]) == 3


def test_by_message_it_costs_two_statements_of_the_engine_for_each_step() -> None:
    with override_settings(ORCHESTRATION={}):
        SagaRun(steps_ahead.chain, Ledger(name="warm")).until_rest()
        run = SagaRun(steps_ahead.chain, Ledger(name="x"))
        with CaptureQueriesContext(connection) as seen:
            for step in ("ahead.one", "ahead.two", "ahead.three"):
                _deliver(run, step)
    assert engine_statements(seen) == ["look", "record"] * 3
    assert run.state == "completed"


def test_it_stops_where_somebody_elses_queue_begins() -> None:
    run = SagaRun(steps_ahead.chain, Ledger(name="x"))
    performed = _deliver(run, "ahead.one", ahead=_ahead(frozenset({"elsewhere"})))
    assert (performed.verdict, performed.ahead) == (Verdict.CARRY_ON, [])
    assert run.done == ["ahead.one"]


def test_it_stops_when_its_time_is_up() -> None:
    run = SagaRun(steps_ahead.chain, Ledger(name="x"))
    late = Ahead(EVERY_QUEUE, time.monotonic() - 61, lambda: "never")
    assert _deliver(run, "ahead.one", ahead=late).ahead == []


def test_a_definition_may_refuse_and_may_demand_it() -> None:
    refused = SagaRun(steps_ahead.never_ahead, Ledger(name="x"))
    assert _deliver(refused, "ahead.one").ahead == []
    with override_settings(ORCHESTRATION={"RUN_AHEAD_SECONDS": 0.0}):
        demanded = SagaRun(steps_ahead.always_ahead, Ledger(name="x"))
        assert _deliver(demanded, "ahead.one").verdict is Verdict.ENDED


def test_local_branches_are_done_one_after_the_other_and_external_ones_are_left_to_messages() -> None:
    local_run = SagaRun(steps_ahead.fork, Ledger(name="x"))
    performed = _deliver(local_run, "ahead.one")
    assert (performed.verdict, local_run.state) == (Verdict.ENDED, "completed")
    assert _names(performed) == ["ahead.two", "ahead.three"]
    other = SagaRun(steps_ahead.external_fork, Ledger(name="x"))
    assert _names(_deliver(other, "ahead.one")) == []
    assert other.until_rest().state == "completed"


def test_an_external_step_is_done_ahead_with_its_claim_committed_before_it_acts() -> None:
    run = SagaRun(steps_ahead.through_outside, Ledger(name="x"))
    seen: list[tuple[str, bool]] = []
    ledger.when(
        "ahead.outside", lambda: seen.append((_state(run.id, "ahead.outside"), connection.in_atomic_block))
    )
    performed = _deliver(run, "ahead.one")
    assert _names(performed) == ["ahead.outside", "ahead.three"]
    assert (seen, run.state) == ([("running", False)], "completed")
    assert _is_sound()


@pytest.mark.parametrize("flow", [steps_ahead.through_outside, steps_ahead.chain])
def test_a_worker_whose_commit_had_no_answer_goes_on_as_if_it_had_one(
    monkeypatch: pytest.MonkeyPatch, flow: SagaDefinition
) -> None:
    run = SagaRun(flow, Ledger(name="x"))
    lose_the_answer_to_the_next_commit(monkeypatch)
    performed = _deliver(run, "ahead.one")
    steps = list(flow.steps)
    assert (performed.verdict, _names(performed)) == (Verdict.ENDED, steps[1:])
    assert (run.state, ledger.rows(run.id)) == ("completed", steps)
    assert {row.deliveries for row in run.saga.steps.all()} == {1}
    assert _is_sound()


def test_a_step_that_says_no_ahead_is_recorded_as_its_own_and_what_came_before_stays_done() -> None:
    run = SagaRun(steps_ahead.chain, Ledger(name="x"), reject_at="ahead.three")
    performed = _deliver(run, "ahead.one")
    assert performed.verdict is Verdict.STOP
    assert isinstance(performed.ahead[-1].error, StepRejected)
    assert run.done == ["ahead.one", "ahead.two"]
    assert run.step("ahead.three").state == "rejected"
    assert run.until_rest().state == "compensated"
    assert ledger.rows(run.id) == ["ahead.one", "ahead.two", "undo:ahead.two", "undo:ahead.one"]


def test_a_first_step_that_fails_is_tried_once_and_waits_for_its_retry() -> None:
    run = SagaRun(steps_ahead.chain, Ledger(name="x"), fail_at={"ahead.one": 1})
    assert _deliver(run, "ahead.one").verdict is Verdict.STOP
    row = run.step("ahead.one")
    assert (row.state, row.attempts, row.deliveries) == ("waiting", 1, 1)
    assert run.until_rest().state == "completed"


def test_somebody_elses_claim_of_a_later_step_is_respected_and_nothing_is_done_twice() -> None:
    run = SagaRun(steps_ahead.chain, Ledger(name="x"))

    def claimed_meanwhile() -> None:
        if not SagaStep.objects.using("default").filter(saga_id=run.id, name="ahead.two").exists():
            SagaStep.objects.create(saga_id=run.id, name="ahead.two", direction="forward", state="pending")

    ledger.when("ahead.one", claimed_meanwhile)
    performed = _deliver(run, "ahead.one")
    assert run.done[:1] == ["ahead.one"]
    assert performed.verdict in (Verdict.CARRY_ON, Verdict.ENDED)
    run.until_rest()
    assert ledger.rows(run.id) == ["ahead.one", "ahead.two", "ahead.three"]


@pytest.mark.parametrize("change", [pause_saga, partial(cancel_saga, reason="meanwhile")])
def test_a_saga_that_is_paused_or_cancelled_meanwhile_keeps_nothing_of_it(change: Any) -> None:
    run = SagaRun(steps_ahead.chain, Ledger(name="x"))
    ledger.elsewhere("ahead.two", lambda: change(saga_id=run.id, by="test"))
    assert _deliver(run, "ahead.one").verdict is Verdict.STOP
    assert (ledger.rows(run.id), run.done) == ([], [])


def test_undo_does_not_run_ahead() -> None:
    run = SagaRun(steps_ahead.chain, Ledger(name="x"))
    with override_settings(ORCHESTRATION={}):
        run.until(lambda each: "ahead.two" in each.done).cancel()
    undo = participant_for("ahead.untwo")
    assert undo is not None
    message = StepMessage(run.id, "ahead.two", Direction.UNDO, run.saga.epoch, (), "task")
    with run._at_work():
        performed = perform(undo, message, _ahead())
    assert (performed.verdict, performed.ahead, run.undone) == (Verdict.CARRY_ON, [], ["ahead.two"])
    assert run.until_rest().state == "cancelled"


def test_a_redelivered_step_is_done_by_itself() -> None:
    run = SagaRun(steps_ahead.chain, Ledger(name="x"))
    SagaStep.objects.create(
        saga_id=run.id, name="ahead.one", direction="forward", state="pending", deliveries=1, task="ahead.one"
    )
    with CaptureQueriesContext(connection) as seen:
        assert _deliver(run, "ahead.one").verdict is Verdict.ENDED
    assert engine_statements(seen) == [
        "look",
        "claim",
        "record_claimed_and_claim",
        "record_claimed_and_claim",
        "record_claimed",
    ]
    assert run.step("ahead.one").deliveries == 2


def _state(saga_id: UUID, step: str) -> str:
    return SagaStep.objects.get(saga_id=saga_id, name=step).state


def _rows(saga_id: UUID) -> list[tuple[Any, ...]]:
    fields = (
        "name",
        "direction",
        "generation",
        "state",
        "task",
        "deliveries",
        "attempts",
        "input",
        "result",
        "done_seq",
    )
    return list(SagaStep.objects.filter(saga_id=saga_id).order_by("done_seq").values_list(*fields))


def _history(saga_id: UUID) -> list[tuple[Any, ...]]:
    saga = Saga.objects.get(id=saga_id)
    return list(
        saga.history.values_list("seq", "kind", "before", "after", "step", "direction", "who", "data")
    )


def _is_sound() -> bool:
    """Whether the engine's own invariants hold of everything there is."""
    return all(check.ok for check in run_invariants(only=lambda name: name.startswith("orchestration")))
