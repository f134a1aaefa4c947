"""Each invariant of the engine's rows, broken by hand, is named; what only looks like a breach is not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from orchestration.models import InboxDelivery, InboxMessage, Incident, OutboxMessage, Saga, SagaStep
from orchestration.testing import SagaRun
from tests.orchestration.breaking import (
    add_entry,
    add_step,
    by_hand,
    change_saga,
    change_step,
    history,
    lose_step,
    violations,
)
from tests.orchestration.sample import TripInput, trip

pytestmark = pytest.mark.owner

INPUT = TripInput(name="Ada")
FULL = TripInput(name="Ada", full=True)
HOUR = timedelta(hours=1)


@pytest.fixture
def completed(db: None) -> SagaRun:
    return SagaRun(trip, INPUT, reference="T-completed").until_rest()


@pytest.fixture
def compensated(db: None) -> SagaRun:
    return SagaRun(trip, INPUT, reference="T-compensated", reject_at="sample.confirm").until_rest()


@pytest.fixture
def waiting(db: None) -> SagaRun:
    return SagaRun(trip, FULL, reference="T-waiting").until_rest()


def test_two_sagas_for_one_business_key_are_named(completed: SagaRun, waiting: SagaRun) -> None:
    with by_hand(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE orchestration_saga DROP CONSTRAINT saga_one_per_business_key")
        Saga.objects.update(business_key="twice")
    assert violations("one saga per definition and business key") == ["sample.trip twice: 2 sagas"]


def test_a_gap_in_a_history_is_named(completed: SagaRun) -> None:
    with by_hand():
        history(completed, seq=3).delete()
    (found,) = violations("a history is numbered without gaps")
    assert found.startswith("sample.trip T-completed: ")


def test_a_transition_that_is_not_permitted_is_named(completed: SagaRun) -> None:
    with by_hand():
        history(completed, after="running").update(before="completed")
    (found,) = violations("every change of state in a history is a permitted one")
    assert "goes from completed to running" in found


def test_a_state_that_the_history_does_not_lead_to_is_named(completed: SagaRun) -> None:
    change_saga(completed, state="cancelled")
    assert violations("replaying a history gives the state the saga has") == [
        "sample.trip T-completed: the history leads to completed, the row says cancelled"
    ]


def test_a_change_that_begins_elsewhere_than_the_last_ended_is_named(waiting: SagaRun) -> None:
    with by_hand():
        history(waiting, after="waiting").update(before="accepted")
    (found,) = violations("replaying a history gives the state the saga has")
    assert "begins at accepted, the one before ended at running" in found


def test_a_result_that_the_history_does_not_tell_of_is_named(waiting: SagaRun) -> None:
    change_step(waiting, "sample.seat_free", state="done")
    assert violations("a settled step stands in the history under the number its row names") == [
        "sample.trip T-waiting: sample.seat_free (forward) is done, and no entry tells of it"
    ]


def test_a_step_after_the_end_is_named_and_a_late_result_is_not(completed: SagaRun) -> None:
    name = "nothing but annotations follows the end of a saga"
    add_entry(completed, "late_result", step="sample.charge")
    assert violations(name) == []
    add_entry(completed, "step_done", step="sample.confirm")
    (found,) = violations(name)
    assert found.endswith("step_done comes after the end")


def test_an_effect_left_behind_is_named(compensated: SagaRun) -> None:
    lose_step(compensated, name="sample.charge", direction="undo")
    assert violations("an undone saga has undone everything that was done") == [
        "sample.trip T-compensated: sample.charge is done, its undo is missing"
    ]


def test_an_effect_that_came_home_after_the_end_needs_an_incident(compensated: SagaRun) -> None:
    name = "an undone saga has undone everything that was done"
    lose_step(compensated, name="sample.charge", direction="undo")
    change_step(compensated, "sample.charge", late=True)
    assert len(violations(name)) == 1
    Incident.objects.create(saga_id=compensated.id, kind="late_effect", step="sample.charge")
    assert violations(name) == []


def test_an_undo_of_what_was_never_done_is_named(compensated: SagaRun) -> None:
    change_step(compensated, "sample.charge", state="absent")
    assert violations("nothing is undone that was not done") == [
        "sample.trip T-compensated: sample.charge is undone; the saga is compensated, the action absent"
    ]


def test_an_undo_in_a_completed_saga_is_named(completed: SagaRun) -> None:
    add_step(completed, "sample.charge", "undo")
    (found,) = violations("nothing is undone that was not done")
    assert "the saga is completed" in found


def test_a_closing_step_that_did_not_run_is_named(compensated: SagaRun) -> None:
    lose_step(compensated, direction="after_undo")
    assert violations("what is to follow undo has run before an undone saga ended") == [
        "sample.trip T-compensated: sample.say_sorry should have followed undo, it is missing"
    ]


def test_undo_in_the_wrong_order_is_named(compensated: SagaRun) -> None:
    change_step(compensated, "sample.register", "undo", done_seq=1)
    assert sorted(violations("steps are undone in the reverse of their order")) == [
        "sample.trip T-compensated: sample.register was undone before sample.book_seat, which came after it",
        "sample.trip T-compensated: sample.register was undone before sample.charge, which came after it",
    ]


def test_branches_beside_each_other_may_be_undone_in_any_order(compensated: SagaRun) -> None:
    for first, second in (("charge", "book_seat"), ("book_seat", "charge")):
        change_step(compensated, f"sample.{first}", "undo", done_seq=2)
        change_step(compensated, f"sample.{second}", "undo", done_seq=3)
        assert violations("steps are undone in the reverse of their order") == []


def test_a_step_started_after_undo_began_is_named(compensated: SagaRun) -> None:
    later = timezone.now() + HOUR
    change_step(compensated, "sample.charge", started_at=later, ended_at=later)
    assert violations("no step goes forward once undo has begun") == [
        "sample.trip T-compensated: sample.charge was started after undo had begun"
    ]


def test_a_clock_that_has_gone_back_since_is_no_step_that_started_late(compensated: SagaRun) -> None:
    name, before = "no step goes forward once undo has begun", F("at") + HOUR
    with by_hand():
        history(compensated, seq__lt=history(compensated, kind="undo_begun").get().seq).update(at=before)
    SagaStep.objects.filter(saga=compensated.id, direction="forward").update(
        started_at=F("started_at") + HOUR, ended_at=F("ended_at") + HOUR
    )
    assert violations(name) == []


def test_a_step_dated_by_a_clock_that_was_ahead_is_none_either(compensated: SagaRun) -> None:
    change_step(compensated, "sample.charge", started_at=timezone.now() + HOUR)
    assert violations("no step goes forward once undo has begun") == []


def test_only_an_external_result_may_be_recorded_after_undo_began(compensated: SagaRun) -> None:
    name = "no step goes forward once undo has begun"
    after = history(compensated, kind="undo_begun").get().seq + 1
    change_step(compensated, "sample.charge", done_seq=after)
    assert violations(name) == []
    change_step(compensated, "sample.book_seat", done_seq=after)
    assert violations(name) == [
        "sample.trip T-compensated: sample.book_seat was recorded after undo had begun"
    ]


def test_an_undo_that_did_not_wait_for_a_branch_is_named(compensated: SagaRun) -> None:
    change_step(compensated, "sample.charge", done_seq=1000)
    assert violations("undo waits until no step is in flight or unknown") == [
        "sample.trip T-compensated: sample.charge was not settled when undo went to work; it is done"
    ]


def test_an_undo_past_the_pivot_is_named(compensated: SagaRun) -> None:
    add_step(compensated, "sample.issue_ticket", "forward", done_seq=2)
    assert violations("there is no way back past the pivot") == [
        "sample.trip T-compensated: its pivot sample.issue_ticket is done, yet it was undone"
    ]


def test_an_undo_that_began_twice_is_named(compensated: SagaRun) -> None:
    add_entry(compensated, "undo_begun", before="running", after="compensating")
    assert violations("undo begins at most once in a saga") == [
        "sample.trip T-compensated: undo began 2 times"
    ]


def test_an_event_applied_twice_is_named(waiting: SagaRun) -> None:
    name = "an event is applied at most once to each saga"
    waiting.send("sample.seat_free", {"seat": "1A"}, event_id="event-1")
    waiting.until(lambda run: run.state == "completed")
    assert violations(name) == []
    add_entry(waiting, "event_applied", data={"event": "event-1"})
    assert violations(name) == [
        "sample.trip T-waiting: event event-1 was applied 2 times, stored as applied 1 times"
    ]


def _came(run: SagaRun, **facts: Any) -> InboxMessage:
    return InboxMessage.objects.create(
        source="test",
        event_id="event-1",
        type="sample.seat_free",
        key=run.saga.business_key,
        envelope={},
        received_at=timezone.now() - HOUR,
        **facts,
    )


@pytest.mark.parametrize("parked", [True, False], ids=["no saga has had it", "its delivery is parked"])
def test_a_parked_event_that_a_saga_waits_for_is_named(waiting: SagaRun, parked: bool) -> None:
    message = _came(waiting, parked=parked)
    if not parked:
        InboxDelivery.objects.create(message=message, saga=waiting.saga, state="parked")
    assert violations("no event is in limbo") == []
    change_step(waiting, "sample.seat_free", started_at=timezone.now() - HOUR)
    assert violations("no event is in limbo") == [
        "sample.trip T-waiting: waits for sample.seat_free, and event event-1 is parked"
    ]


def test_an_event_that_an_ended_saga_still_has_before_it_is_named(waiting: SagaRun) -> None:
    waiting.cancel().until_rest()
    InboxDelivery.objects.create(
        message=_came(waiting), saga=waiting.saga, state="due", due_at=timezone.now()
    )
    assert violations("no event is in limbo") == [
        "sample.trip T-waiting: has ended, and event sample.seat_free event-1 is due"
    ]


def test_a_message_that_lies_unsent_is_named(db: None) -> None:
    message = OutboxMessage.objects.create(kind="event", payload={"type": "sample.seat_free", "key": "k"})
    assert violations("what was decided is sent") == []
    OutboxMessage.objects.update(created_at=timezone.now() - timedelta(seconds=31))
    assert violations("what was decided is sent") == [
        f"message {message.id} (event) is not sent: sample.seat_free k"
    ]


def test_a_step_at_work_in_an_ended_saga_is_named(completed: SagaRun) -> None:
    change_step(completed, "sample.charge", state="running", lease_until=timezone.now() + HOUR)
    assert violations("an ended saga has no step at work") == [
        "sample.trip T-completed: has ended, sample.charge (forward) is running"
    ]


def test_a_failed_undo_without_an_incident_is_named(db: None) -> None:
    name = "an undo that failed for good has an open incident that names it"
    SagaRun(trip, INPUT, reference="T-stuck", reject_at=["sample.confirm", "sample.free_seat"]).until_rest()
    assert violations(name) == []
    Incident.objects.update(resolved_at=timezone.now())
    assert violations(name) == ["sample.trip T-stuck: its undo failed, and no open incident names the step"]


def test_a_saga_that_nobody_looked_at_is_named(waiting: SagaRun) -> None:
    change_saga(waiting, wake_at=timezone.now() - timedelta(seconds=61))
    assert violations("what is due is done") == [
        "sample.trip T-waiting: waiting, and nobody has looked at it when it was due"
    ]


def test_a_saga_that_nothing_will_wake_is_named(waiting: SagaRun) -> None:
    change_saga(waiting, wake_at=None)
    assert violations("no open saga is forgotten") == [
        "sample.trip T-waiting: waiting, and nothing will ever wake it"
    ]


def test_a_definition_that_changed_under_its_sagas_is_named(waiting: SagaRun) -> None:
    change_saga(waiting, fingerprint="f2:other")
    (found,) = violations("a saga keeps the definition it was started with")
    assert found.startswith("sample.trip T-waiting: version 1 of its definition has changed since")


def test_an_open_saga_of_an_unknown_definition_is_named_until_a_person_knows(waiting: SagaRun) -> None:
    name = "the definition of every open saga is known, or a person has been told"
    change_saga(waiting, version=99, created_at=timezone.now() - HOUR)
    assert violations(name) == ["sample.trip T-waiting: version 99 of its definition is not known here"]
    Incident.objects.create(saga_id=waiting.id, kind="unknown_definition")
    assert violations(name) == []
