"""Quick local steps, which nobody claims before their first delivery acts: one effect, whatever comes in between."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from unittest import mock

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test.utils import CaptureQueriesContext

from orchestration.core.planning.states import Direction
from orchestration.engine.steps import pace
from orchestration.engine.steps.delivering import Verdict, perform
from orchestration.engine.steps.pace import SLOW_SECONDS, may_go_unclaimed
from orchestration.engine.steps.records import was_recorded
from orchestration.engine.steps.rights import WITHOUT_CLAIM, StepMessage, claim
from orchestration.errors import StepRejected
from orchestration.models import Saga, SagaStep
from orchestration.services import cancel_saga, pause_saga, resume_saga
from orchestration.testing import SagaRun
from tests.orchestration import steps_ahead
from tests.orchestration.steps_ahead import (
    Ledger,
    engine_statements,
    ledger,
    lose_the_answer_to_the_next_commit,
)

pytestmark = pytest.mark.django_db(transaction=True)
DELIVERIES = 8


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    ledger.clear()
    pace._slow.clear()
    yield
    pace._slow.clear()


def _run(**faults: Any) -> SagaRun:
    return SagaRun(steps_ahead.chain, Ledger(name="x"), **faults)


def _deliver(run: SagaRun, step: str = "ahead.one", *, epoch: int = 1, **more: Any) -> Verdict:
    message = StepMessage(run.id, step, Direction.FORWARD, epoch, (), more.pop("task_id", "task"), **more)
    with run._at_work():
        return perform(steps_ahead.participants[step], message).verdict


def _statements(deliver: Callable[[], Any]) -> list[str]:
    with CaptureQueriesContext(connection) as seen:
        deliver()
    return engine_statements(seen)


def _rows(run: SagaRun) -> list[tuple[Any, ...]]:
    rows = SagaStep.objects.filter(saga_id=run.id).order_by("name")
    return list(rows.values_list("name", "state", "deliveries", "attempts"))


def test_while_it_acts_nobody_sees_a_row_and_afterwards_it_is_done() -> None:
    run, seen = _run(), list[bool]()
    ledger.elsewhere(
        "ahead.one", lambda: seen.append(SagaStep.objects.filter(saga_id=run.id, name="ahead.one").exists())
    )
    assert _deliver(run) is Verdict.CARRY_ON
    assert (seen, _rows(run)) == ([False], [("ahead.one", "done", 1, 1)])


def test_of_many_deliveries_that_act_at_the_same_time_one_takes_effect_and_one_carries_on() -> None:
    run, together = _run(), threading.Barrier(DELIVERIES)
    verdicts: list[Verdict] = []
    participant = steps_ahead.participants["ahead.one"]
    act = participant.act

    def act_together(command: Any, context: Any) -> None:
        act(command, context)
        together.wait(20)

    def deliver() -> None:
        try:
            verdicts.append(_deliver(run))
        finally:
            connection.close()

    with mock.patch.object(participant, "act", act_together):
        threads = [threading.Thread(target=deliver) for _ in range(DELIVERIES)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert Counter(verdicts) == {Verdict.CARRY_ON: 1, Verdict.STOP: DELIVERIES - 1}
    assert (ledger.rows(run.id), _rows(run)) == (["ahead.one"], [("ahead.one", "done", 1, 1)])


def test_a_delivery_that_comes_again_is_claimed_and_counts_the_one_before() -> None:
    run = _run()
    assert _statements(lambda: _deliver(run, redelivered=True)) == ["claim", "record_claimed"]
    assert _rows(run) == [("ahead.one", "done", 2, 1)]


def test_a_message_for_one_that_was_lost_is_claimed() -> None:
    run = _run()
    Saga.objects.filter(id=run.id).update(rescues=1)
    assert _statements(lambda: _deliver(run)) == ["look", "claim", "record_claimed"]
    assert _rows(run) == [("ahead.one", "done", 1, 1)]


def test_what_has_a_row_already_is_claimed() -> None:
    run = _run()
    SagaStep.objects.create(saga_id=run.id, name="ahead.one", direction="forward", state="pending")
    assert _statements(lambda: _deliver(run)) == ["look", "claim", "record_claimed"]


def test_a_step_that_was_slow_is_claimed_for_a_while() -> None:
    reference = steps_ahead.participants["ahead.one"].reference
    assert may_go_unclaimed(reference)
    pace.took(reference, SLOW_SECONDS)
    assert may_go_unclaimed(reference)
    pace.took(reference, SLOW_SECONDS + 0.1)
    run = _run()
    assert _statements(lambda: _deliver(run)) == ["claim", "record_claimed"]
    with mock.patch.object(pace, "REMEMBERED_SECONDS", 0.0):
        pace.took(reference, SLOW_SECONDS + 0.1)
    assert may_go_unclaimed(reference)


def test_a_failure_is_recorded_under_a_claim_with_what_the_step_was_given_and_without_acting_again() -> None:
    run = _run(fail_at={"ahead.one": 1})
    assert _deliver(run) is Verdict.STOP
    row = run.step("ahead.one")
    assert (row.state, row.attempts, row.deliveries, row.input) == ("waiting", 1, 1, {"name": "x"})
    assert run.until_rest().state == "completed"
    assert ledger.rows(run.id) == ["ahead.one", "ahead.two", "ahead.three"]


def test_a_no_is_final_and_the_task_fails() -> None:
    run = _run(reject_at="ahead.one")
    with pytest.raises(StepRejected):
        _deliver(run)
    assert (run.step("ahead.one").state, run.until_rest().state) == ("rejected", "failed")


@pytest.mark.parametrize("task_id", ["another", "the same"])
def test_a_duplicate_that_stumbles_over_what_the_first_one_has_done_is_no_failure_and_carries_nothing_on(
    task_id: str,
) -> None:
    run, verdicts = _run(), list[Verdict]()

    def first_one_commits() -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        other = threading.Thread(target=deliver_apart)
        other.start()
        other.join(20)
        raise IntegrityError("the business row is there already")

    def deliver_apart() -> None:
        try:
            verdicts.append(_deliver(run, task_id="the same"))
        finally:
            connection.close()

    ledger.when("ahead.one", first_one_commits)
    assert (_deliver(run, task_id=task_id), verdicts) == (Verdict.STOP, [Verdict.CARRY_ON])
    assert (ledger.rows(run.id), _rows(run)) == (["ahead.one"], [("ahead.one", "done", 1, 1)])
    assert set(run.saga.history.values_list("kind", flat=True)) == {"started", "step_done"}


@pytest.mark.parametrize("change", [pause_saga, partial(cancel_saga, reason="meanwhile")])
def test_a_saga_that_is_paused_or_cancelled_meanwhile_keeps_nothing_of_it(change: Any) -> None:
    run = _run()
    ledger.elsewhere("ahead.one", lambda: change(saga_id=run.id, by="test"))
    assert _deliver(run) is Verdict.STOP
    assert (ledger.rows(run.id), _rows(run)) == ([], [])


def test_one_that_was_paused_and_resumed_meanwhile_keeps_nothing_either_and_goes_on_by_a_new_message() -> (
    None
):
    run = _run()

    def pause_and_resume() -> None:
        pause_saga(saga_id=run.id, by="test")
        resume_saga(saga_id=run.id, by="test")

    ledger.elsewhere("ahead.one", pause_and_resume)
    assert _deliver(run) is Verdict.STOP
    assert ledger.rows(run.id) == []
    assert run.until_rest().state == "completed"
    assert ledger.rows(run.id) == ["ahead.one", "ahead.two", "ahead.three"]


def test_a_commit_whose_answer_is_lost_is_believed_to_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    run = _run()
    lose_the_answer_to_the_next_commit(monkeypatch)
    assert _deliver(run) is Verdict.CARRY_ON
    assert (ledger.rows(run.id), _rows(run)) == (["ahead.one"], [("ahead.one", "done", 1, 1)])


@pytest.mark.parametrize("step", ["ahead.one", "ahead.outside"])
def test_the_row_is_believed_after_a_lost_answer_for_what_was_claimed_too(
    monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    run = SagaRun(steps_ahead.through_outside, Ledger(name="x"))
    run.until(lambda each: step == "ahead.one" or "ahead.one" in each.done)
    participant = steps_ahead.participants[step]
    act = participant.act

    def act_and_lose(command: Any, context: Any) -> None:
        act(command, context)
        lose_the_answer_to_the_next_commit(monkeypatch)

    with mock.patch.object(participant, "act", act_and_lose):
        assert _deliver(run, step, redelivered=True) is Verdict.CARRY_ON
    assert ledger.rows(run.id).count(step) == 1
    assert (run.step(step).state, run.step(step).attempts) == ("done", 1)


def test_whether_it_was_recorded_is_answered_once_the_lost_transaction_has_ended() -> None:
    run, answers = _run(), list[bool]()
    message = StepMessage(run.id, "ahead.one", Direction.FORWARD, 1, (), "task")

    def ask() -> None:
        try:
            answers.append(was_recorded(message, WITHOUT_CLAIM))
        finally:
            connection.close()

    asks = threading.Thread(target=ask)
    with transaction.atomic():
        _deliver(run)
        asks.start()
        asks.join(0.3)  # long enough for an answer that does not wait
        assert answers == []
    asks.join(20)
    assert answers == [True]


def test_a_step_without_a_claim_is_never_recorded_over_somebodys_first_claim() -> None:
    run = _run()
    ledger.elsewhere("ahead.one", lambda: _claim_of_another(run))
    assert _deliver(run) is Verdict.STOP
    row = run.step("ahead.one")
    assert (row.state, row.token, row.attempts, ledger.rows(run.id)) == ("running", 1, 0, [])


def _claim_of_another(run: SagaRun) -> None:
    message = StepMessage(run.id, "ahead.one", Direction.FORWARD, 1, (), "another")
    granted = claim(message, task="ahead.one", external=False, lease=30)
    assert granted is not None
    assert granted[1] is not None


def test_a_connection_that_is_lost_before_the_commit_counts_as_a_failed_attempt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = _run()

    def lose(wrapper: Any) -> None:
        monkeypatch.undo()
        wrapper.connection.close()
        raise OperationalError("the connection was lost")

    monkeypatch.setattr(BaseDatabaseWrapper, "_commit", lose)
    assert _deliver(run) is Verdict.STOP
    assert (ledger.rows(run.id), _rows(run)) == ([], [("ahead.one", "waiting", 1, 1)])
    assert run.until_rest().state == "completed"
