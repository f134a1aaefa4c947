"""An unknown outcome that a person settles: the saga goes on from what is true, and the app's rows with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from orchestration import Message, SagaDefinition, external, saga, step
from orchestration.core.definition import registry
from orchestration.errors import InvalidDecision, TransitionRefused
from orchestration.participant import performs
from orchestration.services import settle_step
from orchestration.testing import SagaRun
from orchestration.verification import run_invariants
from tests.orchestration import sample
from tests.orchestration.deliveries import claim
from tests.orchestration.sample import Charged, Command, TripInput, provider, trip

INPUT = TripInput(name="Ada")
pytestmark = pytest.mark.django_db(transaction=True)


def _in_place() -> list[str]:
    return [
        text for result in run_invariants() for text in result.violations if "orchestration" in result.name
    ]


class Ticket(Message):
    ticket: str


class Voucher(Message):
    voucher: str


stamp = external("sample.stamp", takes=Command, gives=Ticket | Voucher)


@performs(stamp)
def do_stamp(command: Command, context: Any) -> Ticket:
    provider.do("stamp", context)
    return Ticket(ticket=context.idempotency_key)


written: list[str] = []


@do_stamp.record
def save_stamp(command: Command, result: Ticket | Voucher, context: Any) -> None:
    written.append(context.idempotency_key)


@pytest.fixture
def stamped() -> Iterator[SagaDefinition]:
    """A pivot, and past it an external step that nobody can look up."""
    definition = saga(
        "sample.stamped",
        version=1,
        input=TripInput,
        flow=step(sample.confirm, pivot=True) | step(stamp, milestone="Stamped"),
    )
    written.clear()
    yield definition
    registry.forget(definition)


def _unknown(definition: SagaDefinition, task: str, **faults: Any) -> SagaRun:
    """A saga going forward with a step of unknown outcome that nobody works at."""
    run = SagaRun(definition, INPUT, lose_answer_at=task, **faults)
    return run.until(lambda each: each.saga.steps.filter(name=task, state="unknown").exists())


@pytest.mark.parametrize("outcome", ["done", "absent"])
def test_an_unknown_outcome_settled_by_hand_goes_on_from_what_is_true(outcome: str) -> None:
    run = _unknown(trip, "sample.charge")
    given = {"result": {"charge": "by-hand"}} if outcome == "done" else {}
    run.decide(settle_step, step="sample.charge", outcome=outcome, **given)
    run.until(lambda each: each.state in ("completed", "compensated"))
    assert run.state == ("completed" if outcome == "done" else "compensated")
    row = run.step("sample.charge")
    assert (row.state, row.result) == (outcome, {"charge": "by-hand"} if given else None)
    assert "sample.charge" not in run.undone
    assert _in_place() == []


def test_settled_as_done_while_it_is_undone_the_effect_is_undone() -> None:
    run = _unknown(trip, "sample.charge").cancel()
    provider.effects["by-hand"] = "charge"
    run.decide(settle_step, step="sample.charge", outcome="done", result=Charged(charge="by-hand"))
    assert run.until_rest().state == "cancelled"
    assert (run.step("sample.charge", "undo").state, provider.count("refund")) == ("done", 1)


def test_past_the_pivot_a_step_settled_as_absent_is_done_anew_under_a_new_key(
    stamped: SagaDefinition,
) -> None:
    run = _unknown(stamped, "sample.stamp")
    run.decide(settle_step, step="sample.stamp", outcome="absent")
    run.until(lambda each: bool(each.incidents))
    assert [(i.kind, i.step) for i in run.incidents] == [("step_failed", "sample.stamp")]
    run.script.lose_answer_at = ()
    run.script.__post_init__()
    run.retry("sample.stamp").until(lambda each: each.state == "completed")
    assert run.step("sample.stamp").generation == 2
    assert [key.rpartition("/")[2] for key in provider.effects] == ["1", "2"]
    assert _in_place() == []


def test_the_apps_own_rows_are_written_as_if_the_step_had_answered(stamped: SagaDefinition) -> None:
    run = _unknown(stamped, "sample.stamp")
    run.decide(settle_step, step="sample.stamp", outcome="done", result={"voucher": "V1"})
    assert run.until_rest().state == "completed"
    assert (run.milestone, run.step("sample.stamp").result_type) == ("Stamped", "Voucher")
    assert written == [f"{run.id}/sample.stamp/forward/1"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"reason": " "}, "say why"),
        ({"by": ""}, "say who"),
        ({"outcome": "perhaps"}, "done or absent, not 'perhaps'"),
        ({}, r"gives Ticket \(ticket\) or Voucher \(voucher\): say what"),
        ({"result": {"ticket": 7, "more": 1}}, "the result is no Ticket"),
        ({"result": {"ticket": "T"}, "result_type": "Seat"}, "not Seat"),
    ],
)
def test_a_decision_that_lacks_something_is_refused_and_changes_nothing(
    stamped: SagaDefinition, given: dict[str, Any], told: str
) -> None:
    run = _unknown(stamped, "sample.stamp")
    before = run.saga.last_seq
    with pytest.raises(InvalidDecision, match=told):
        run.decide(settle_step, **{"step": "sample.stamp", "outcome": "done", **given})
    assert (run.saga.last_seq, run.step("sample.stamp").state, written) == (before, "unknown", [])


def test_a_step_somebody_is_at_work_at_is_not_settled() -> None:
    run = SagaRun(trip, INPUT).until(lambda each: "sample.register" in each.done)
    claim(run, "charge", after=("sample.register",))
    with pytest.raises(TransitionRefused, match="is being worked at until"):
        run.decide(settle_step, step="sample.charge", outcome="absent")
