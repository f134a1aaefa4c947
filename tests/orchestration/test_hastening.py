"""A step in back-off whose cause was mended: its next attempt at once, or settled by hand."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from orchestration.engine.outbox import relay
from orchestration.engine.rows.reading import database_now
from orchestration.errors import TransitionRefused
from orchestration.models import SagaStep
from orchestration.services import retry_step, settle_step
from orchestration.testing import SagaRun
from tests.orchestration.sample import TripInput, trip

INPUT = TripInput(name="Ada")


def _backs_off(step: str, direction: str, **faults: object) -> SagaRun:
    run = SagaRun(trip, INPUT, **faults)  # type: ignore[arg-type] # whichever faults the test wants
    rows = SagaStep.objects.filter(
        saga_id=run.id, name=step, direction=direction, state__in=("waiting", "unknown"), attempts=2
    )
    run.until(lambda run: rows.exists())
    while run.carry_one():
        pass
    SagaStep.objects.filter(saga_id=run.id, name=step, direction=direction).update(
        due_at=database_now() + timedelta(minutes=5)
    )
    return run


@pytest.mark.parametrize(
    ("step", "direction", "faults", "ending"),
    [
        ("sample.confirm", "forward", {"fail_at": {"sample.confirm": 2}}, "completed"),
        ("sample.send_ticket", "forward", {"fail_at": {"sample.send_ticket": 2}}, "completed"),
        ("sample.charge", "undo", {"reject_at": "sample.confirm", "fail_at": {"sample.refund": 2}}, "compensated"),
        ("sample.say_sorry", "after_undo", {"reject_at": "sample.confirm", "fail_at": {"sample.say_sorry": 2}}, "compensated"),
    ],
)  # fmt: skip
def test_its_next_attempt_comes_at_once_and_those_before_stay_counted(
    db: None, step: str, direction: str, faults: dict[str, object], ending: str
) -> None:
    run = _backs_off(step, direction, **faults)
    with pytest.raises(TransitionRefused, match=r"waits for its next attempt; say --now"):
        run.retry(step, direction)
    run.decide(retry_step, step=step, direction=direction, now=True)
    while run.carry_one():
        pass
    row = run.step(step, direction)
    assert (row.state, row.attempts) == ("done", 3)
    assert run.until_rest().state == ending


def test_under_a_lease_it_says_so_and_a_wait_is_no_step(db: None) -> None:
    run = _backs_off("sample.confirm", "forward", fail_at={"sample.confirm": 2})
    held = SagaStep.objects.filter(saga_id=run.id, name="sample.confirm")
    held.update(state="running", lease_until=database_now() + timedelta(seconds=9))
    with pytest.raises(TransitionRefused, match=r"being worked at until .*; retry it after that"):
        run.decide(retry_step, step="sample.confirm", direction="forward", now=True)
    waits = SagaRun(trip, TripInput(name="Bea", full=True)).until_rest()
    with pytest.raises(TransitionRefused, match="was not given up"):
        waits.decide(retry_step, step="sample.seat_free", direction="forward", now=True)


def test_an_undo_in_back_off_can_be_settled_and_fences_whoever_comes_back(db: None) -> None:
    run = _backs_off("sample.charge", "undo", reject_at="sample.confirm", fail_at="sample.refund")
    token = run.step("sample.charge", "undo").token
    run.decide(settle_step, step="sample.charge", direction="undo", outcome="done")
    assert run.step("sample.charge", "undo").token == token + 1
    assert run.until_rest().state == "compensated"


def test_a_process_that_ends_waits_for_its_relay_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    may_send, sent = threading.Event(), list[bool]()

    def drain() -> int:
        may_send.wait(9)
        sent.append(True)
        return 0

    monkeypatch.setattr(relay, "drain", drain)
    ours = relay._Relay()
    ours.flush(9)  # nothing was asked for: it returns at once
    ours.wake()
    ours.flush(0.01)
    assert sent == []
    may_send.set()
    ours.flush(9)
    assert sent == [True]
