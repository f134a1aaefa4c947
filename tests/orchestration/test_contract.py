"""One suite over both runners: the synchronous driver must never be kinder than real messages on a real broker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from orchestration.errors import TransitionRefused
from orchestration.models import InboxDelivery, InboxMessage, SagaEvent
from tests.orchestration.paranoid import EVERY, start_by
from tests.orchestration.sample import Seat, TripInput, effects, provider, trip
from tests.orchestration.worker_run import WorkerRun, running_worker

INPUT = TripInput(name="Ada")
FULL = TripInput(name="Ada", full=True)
FORWARD = [
    "sample.register",
    "sample.book_seat",
    "sample.charge",
    "sample.confirm",
    "sample.issue_ticket",
    "sample.send_ticket",
]


@pytest.fixture(params=[*EVERY, "worker", "worker ahead"])
def run(request: pytest.FixtureRequest, transactional_db: None) -> Iterator[Any]:
    """Start a saga: carried by hand in each of the ways there are, or with a worker on the broker."""
    if request.param in EVERY:
        yield start_by(request.param)
        return
    started: list[WorkerRun] = []

    def start(*args: Any, **faults: Any) -> WorkerRun:
        started.append(WorkerRun(*args, **faults))
        return started[-1]

    with running_worker(ahead=5.0 if request.param == "worker ahead" else 0.0):
        yield start
        for each in started:
            each.close()


def test_all_steps_succeed_and_nothing_is_undone(run: Any) -> None:
    saga = run(trip, INPUT).until_rest()
    assert saga.state == "completed"
    assert sorted(saga.done) == sorted(FORWARD)
    assert (saga.milestone, saga.undone, saga.incidents) == ("Issued", [], [])
    assert sorted(effects(saga.id)) == ["book_seat", "confirm", "register", "send_ticket"]
    assert provider.count("charge") == provider.count("issue_ticket") == 1


@pytest.mark.parametrize("step", FORWARD[:5])
@pytest.mark.parametrize("fault", ["fail_at", "reject_at"])
def test_a_step_that_fails_or_says_no_is_undone_in_reverse(run: Any, step: str, fault: str) -> None:
    saga = run(trip, INPUT, **{fault: step}).until_rest()
    done_before = [
        name for name in saga.done if name in ("sample.register", "sample.book_seat", "sample.charge")
    ]
    expected = [name for name in reversed(FORWARD[:3]) if name in done_before]
    assert saga.state == ("compensated" if done_before else "failed")
    assert sorted(saga.undone) == sorted(expected)
    if saga.undone:
        assert saga.undone[-1] == "sample.register"
    assert provider.count("charge") == provider.count("refund")
    assert provider.count("issue_ticket") == 0
    booked, freed = (effects(saga.id).count(what) for what in ("book_seat", "free_seat"))
    assert booked == freed
    codes = {"scripted"} if fault == "reject_at" else {"Boom"}
    if not getattr(saga, "counts_attempts", True):
        codes.add(
            "kills_worker"
        )  # a worker whose every answer the database loses looks like one that was killed
    assert effects(saga.id)[-1] in {f"say_sorry:{code}" for code in codes}


def test_transient_failures_within_the_policy_undo_nothing(run: Any) -> None:
    saga = run(
        trip, INPUT, fail_at={"sample.charge": 2, "sample.confirm": 3, "sample.register": 1}
    ).until_rest()
    assert (saga.state, saga.undone) == ("completed", [])
    if getattr(saga, "counts_attempts", True):
        assert (saga.step("sample.charge").attempts, saga.step("sample.confirm").attempts) == (3, 4)
    assert provider.count("charge") == 1


def test_past_the_pivot_there_is_only_trying_again(run: Any) -> None:
    saga = run(trip, INPUT, fail_at={"sample.send_ticket": 8}).until_rest()
    assert (saga.state, saga.undone, saga.incidents) == ("completed", [], [])
    if getattr(saga, "counts_attempts", True):
        assert saga.step("sample.send_ticket").attempts == 9


def test_a_lost_answer_is_looked_up_before_it_is_asked_again(run: Any) -> None:
    saga = run(trip, INPUT, lose_answer_at={"sample.charge": 1}).until_rest()
    assert saga.state == "completed"
    assert (provider.count("charge"), provider.calls["charge"]) == (1, 1)


def test_an_effect_whose_answer_was_lost_for_good_is_found_and_undone(run: Any) -> None:
    saga = run(trip, INPUT, reject_at="sample.book_seat", lose_answer_at="sample.charge").until_rest()
    assert saga.state == "compensated"
    assert provider.count("charge") == provider.count("refund")
    assert provider.calls["charge"] <= 1


def test_an_undo_that_fails_twice_and_then_works_has_its_effect_once(run: Any) -> None:
    saga = run(trip, INPUT, reject_at="sample.confirm", fail_at={"sample.refund": 2}).until_rest()
    assert saga.state == "compensated"
    assert provider.count("refund") == 1
    assert saga.undone[-1] == "sample.register"


def test_an_undo_that_fails_for_good_opens_an_incident_and_a_person_can_have_it_retried(run: Any) -> None:
    saga = run(trip, INPUT, reject_at={"sample.confirm": 9, "sample.refund": 1}).until_rest()
    assert saga.state == "undo_failed"
    assert [incident.step for incident in saga.incidents] == ["sample.charge"]
    assert sorted(saga.undone) == ["sample.book_seat", "sample.register"]
    saga.retry("sample.charge", "undo").until(lambda each: each.state == "compensated")
    assert saga.incidents == []
    assert provider.count("refund") == 1


def test_it_waits_for_an_event_and_goes_on_with_its_data(run: Any) -> None:
    saga = run(trip, FULL).until_rest()
    assert (saga.state, "sample.confirm" in saga.done) == ("waiting", False)
    saga.send("sample.seat_free", {"seat": "9C"}, event_id="e1").send(
        "sample.seat_free", {"seat": "9C"}, event_id="e1"
    )
    saga.until(lambda each: each.state == "completed")
    assert saga.step("sample.seat_free").result == {"seat": "9C"}
    assert InboxMessage.objects.filter(key=saga.saga.business_key).count() == 1


def test_an_event_that_comes_early_is_parked_and_then_applied(run: Any) -> None:
    saga = run(trip, FULL, fail_at={"sample.register": 1})
    saga.send("sample.seat_free", {"seat": "1A"})
    saga.until(lambda each: each.state == "completed")
    assert saga.step("sample.seat_free").result == {"seat": "1A"}


def test_a_wait_whose_deadline_passes_gives_up_and_the_event_comes_too_late(run: Any) -> None:
    saga = run(trip, FULL).until_rest()
    saga.skip(2 * 86400 + 1).until(lambda each: each.state == "compensated")
    saga.send("sample.seat_free", {"seat": "9C"})
    saga.until(lambda each: InboxDelivery.objects.filter(saga_id=each.id, state="ignored").exists())
    assert saga.state == "compensated"
    assert "sample.confirm" not in saga.done


def test_cancelled_while_it_waits_everything_is_undone_once(run: Any) -> None:
    saga = run(trip, FULL).until_rest().cancel().cancel()
    saga.until(lambda each: each.state == "cancelled")
    assert sorted(saga.undone) == sorted(FORWARD[:3])
    assert effects(saga.id).count("free_seat") == provider.count("refund") == 1
    assert SagaEvent.objects.filter(saga_id=saga.id, kind="undo_begun").count() == 1


def test_a_cancel_after_the_pivot_is_refused_and_changes_nothing(run: Any) -> None:
    saga = run(trip, INPUT).until_rest()
    before = saga.saga.last_seq
    with pytest.raises(TransitionRefused, match="already ended: completed"):
        saga.cancel()
    assert saga.saga.last_seq == before


def test_an_answer_by_script_takes_another_way(run: Any) -> None:
    saga = run(trip, FULL, answers={"sample.book_seat": Seat(seat="2B")}).until_rest()
    assert saga.state == "completed"


def test_the_history_has_no_gaps_and_each_step_is_recorded_once(run: Any) -> None:
    saga = run(trip, INPUT, reject_at="sample.confirm").until_rest()
    history = list(saga.saga.history.all())
    assert [entry.seq for entry in history] == list(range(1, len(history) + 1))
    done = [entry.step for entry in history if entry.kind == "step_done" and entry.direction == "forward"]
    assert len(done) == len(set(done)) == 3
