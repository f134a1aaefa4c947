"""Effects that turn up after their saga has ended: undone by the engine, told to a person, and the state stays."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from orchestration import saga, step
from orchestration.core.definition import registry
from orchestration.core.planning.states import Direction
from orchestration.engine.steps.attempt import context_for
from orchestration.engine.steps.late import keep_late_result
from orchestration.models import Incident
from orchestration.services import retry_step, settle_step, skip_step
from orchestration.testing import SagaRun
from orchestration.verification import open_business_keys, run_invariants
from tests.orchestration import sample
from tests.orchestration.deliveries import claim, claimed
from tests.orchestration.sample import TripInput, effects, provider, trip
from tests.orchestration.zombie import (
    assert_in_place,
    carry_on_to_the_end,
    ended_without_it,
    frozen_in_charge,
    lose_answer,
)

INPUT = TripInput(name="Ada")
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider that cannot refuse a key: a second look-up is all that undo has, and a zombie may outlast it."""
    monkeypatch.setattr(sample.do_charge, "refuse", None)


def test_an_effect_that_turns_up_after_the_end_is_undone_and_the_state_stays() -> None:
    run = SagaRun(trip, INPUT, reject_at="sample.book_seat")
    with frozen_in_charge(run) as zombie:
        ended_at = ended_without_it(run).saga.ended_at
        zombie.wake()
        assert [(i.kind, i.step) for i in run.incidents] == [("late_effect", "sample.charge")]
        assert run.saga.business_key in open_business_keys()
        assert_in_place(run)
    carry_on_to_the_end(run)
    assert (run.state, run.saga.ended_at) == ("compensated", ended_at)
    assert (provider.count("charge"), provider.count("refund")) == (1, 1)
    told = Incident.objects.get(saga_id=run.id)
    assert (told.resolved_by, told.resolution) == ("engine", "The engine has undone it.")
    assert effects(run.id).count("say_sorry:scripted") == 1
    assert run.saga.history.filter(kind="late_step_undone").count() == 1
    assert run.saga.business_key not in open_business_keys()
    assert_in_place(run)


@pytest.mark.parametrize("acts", [True, False])
def test_a_zombie_that_ends_without_an_answer_after_the_end_is_settled_and_what_it_did_undone(
    monkeypatch: pytest.MonkeyPatch, acts: bool
) -> None:
    run = SagaRun(trip, INPUT, reject_at="sample.book_seat")
    with frozen_in_charge(run) as zombie:
        ended_without_it(run)
        lose_answer(monkeypatch, acts=acts)
        zombie.wake()
        assert run.step("sample.charge").state == "unknown"
        assert_in_place(run)
    carry_on_to_the_end(run)
    assert (run.state, run.incidents) == ("compensated", [])
    assert provider.count("charge") == provider.count("refund") == int(acts)
    assert run.step("sample.charge").state == ("done" if acts else "absent")
    assert_in_place(run)


def test_a_zombie_that_ends_without_an_answer_during_undo_is_settled_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = SagaRun(trip, INPUT, reject_at={"sample.book_seat": 9, "sample.unregister": 1})
    with frozen_in_charge(run) as zombie:
        run.until(lambda each: each.step("sample.charge").state == "absent")
        lose_answer(monkeypatch, acts=True)
        zombie.wake()
    run.until(lambda each: each.state in ("compensated", "undo_failed"))
    assert provider.count("charge") == provider.count("refund") == 1
    assert_in_place(run)


@pytest.mark.parametrize("decide", [retry_step, settle_step, skip_step])
def test_a_late_undo_that_fails_for_good_is_put_before_a_person_and_the_state_stays(decide: Any) -> None:
    run = SagaRun(trip, INPUT, reject_at={"sample.book_seat": 9, "sample.refund": 1})
    with frozen_in_charge(run):
        ended_without_it(run)
    carry_on_to_the_end(run)
    assert {i.kind for i in run.incidents} == {"late_effect", "undo_failed"}
    assert run.state == "compensated"
    assert_in_place(run)
    more = {"outcome": "done"} if decide is settle_step else {}
    run.decide(decide, step="sample.charge", direction="undo", **more)
    carry_on_to_the_end(run)
    assert (run.state, run.incidents) == ("compensated", [])
    assert provider.count("refund") == int(decide is retry_step)
    assert (run.saga.business_key in open_business_keys()) is (decide is skip_step)
    assert_in_place(run)


def test_where_the_provider_refuses_a_cancelled_key_the_late_forward_has_no_effect(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The undo came first: it is remembered, at the provider too, and the worker that comes back is turned away."""
    monkeypatch.setattr(sample.do_charge, "refuse", sample.refuse_charge)
    run = SagaRun(trip, INPUT, reject_at="sample.book_seat")
    with frozen_in_charge(run):
        ended_without_it(run)
    carry_on_to_the_end(run)
    assert (provider.calls["charge"], provider.count("charge"), provider.count("refund")) == (1, 0, 0)
    assert (run.state, run.step("sample.charge").state, run.incidents) == ("compensated", "absent", [])
    assert_in_place(run)


def test_lost_and_doubled_messages_undo_a_late_effect_once() -> None:
    run = SagaRun(trip, INPUT, reject_at="sample.book_seat", doubled=True)
    with frozen_in_charge(run):
        ended_without_it(run)
    run.carry_one()
    run.transport.lose_everything()
    carry_on_to_the_end(run)
    assert (provider.count("refund"), provider.calls["refund"]) == (1, 1)
    assert_in_place(run)


def test_an_effect_that_turns_up_while_an_undo_waits_for_a_person_is_undone_when_one_has_decided() -> None:
    run = SagaRun(trip, INPUT, reject_at={"sample.book_seat": 9, "sample.unregister": 1})
    with frozen_in_charge(run):
        run.until(lambda each: each.state == "undo_failed")
    assert (run.state, run.step("sample.charge").late) == ("undo_failed", True)
    run.decide(skip_step, step="sample.register").until(lambda each: each.state == "compensated")
    assert provider.count("charge") == provider.count("refund") == 1
    assert_in_place(run)


def test_the_late_effect_of_a_pivot_is_told_and_a_person_records_that_it_is_undone() -> None:
    run = SagaRun(trip, INPUT).until(lambda each: "sample.confirm" in each.done)
    zombie = claimed(run, "issue_ticket", after=("sample.confirm",))
    run.saga.steps.filter(id=zombie.row_id).update(state="unknown", lease_until=None, unsure=True)
    run.decide(settle_step, step="sample.issue_ticket", outcome="absent")
    assert run.until_rest().state == "compensated"
    context = context_for(run.saga, "sample.issue_ticket", Direction.FORWARD, zombie)
    command = sample.Refund(name="Ada", charge="c")
    result = sample.do_issue_ticket(command, context)
    keep_late_result(zombie, sample.do_issue_ticket, command, result, context)
    carry_on_to_the_end(run)
    (told,) = run.incidents
    assert "only a person can undo it" in told.message
    run.decide(settle_step, step="sample.issue_ticket", direction="undo", outcome="done")
    assert (run.incidents, run.state) == ([], "compensated")
    assert run.step("sample.issue_ticket", Direction.UNDO.value).state == "done"
    assert_in_place(run)


def test_a_saga_that_has_ended_and_has_nothing_late_is_never_looked_at_again() -> None:
    run = SagaRun(trip, INPUT, reject_at="sample.book_seat").until_rest()
    assert claim(run, "charge", epoch=run.saga.epoch) is None
    assert run.saga.wake_at is None


def test_what_a_person_has_settled_as_absent_and_turns_up_after_all_is_undone() -> None:
    run = SagaRun(trip, INPUT)
    with frozen_in_charge(run):
        run.cancel()
        run.saga.steps.filter(name="sample.charge").update(lease_until=F("lease_until") - timedelta(hours=1))
        run.decide(settle_step, step="sample.charge", outcome="absent")
        assert run.until_rest().state == "cancelled"
    carry_on_to_the_end(run)
    assert provider.count("charge") == provider.count("refund") == 1
    assert run.state == "cancelled"
    assert_in_place(run)


def test_a_second_effect_under_an_older_key_is_put_before_a_person() -> None:
    """Past the pivot, settled as absent and done anew: then the first turns up as well."""
    flow = step(sample.confirm, pivot=True) | step(sample.charge)
    definition = saga("sample.charged_last", version=1, input=TripInput, flow=flow)
    try:
        run = SagaRun(definition, INPUT).until(lambda each: "sample.confirm" in each.done)
        zombie = claimed(run, "charge", after=("sample.confirm",))
        run.saga.steps.filter(id=zombie.row_id).update(state="unknown", lease_until=None, unsure=True)
        run.decide(settle_step, step="sample.charge", outcome="absent")
        run.until(lambda each: bool(each.incidents))
        run.retry("sample.charge").until(lambda each: each.state == "completed")
        context = context_for(run.saga, "sample.charge", Direction.FORWARD, zombie)
        command = sample.Command(name="Ada")
        result = sample.do_charge(command, context)
        keep_late_result(zombie, sample.do_charge, command, result, context)
        assert provider.count("charge") == 2
        (told,) = run.incidents
        assert (told.kind, "under its older key" in told.message) == ("late_effect", True)
        assert (carry_on_to_the_end(run).state, run.undone) == ("completed", [])
        assert_in_place(run)
    finally:
        registry.forget(definition)


def test_a_late_effect_that_nobody_undoes_or_knows_of_is_named_by_verify() -> None:
    run = SagaRun(trip, INPUT, reject_at="sample.book_seat", reference="T-1")
    with frozen_in_charge(run):
        ended_without_it(run)
    Incident.objects.all().delete()
    found = [text for result in run_invariants() for text in result.violations]
    assert found == ["sample.trip T-1: sample.charge is done, its undo is missing"]
