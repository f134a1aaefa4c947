"""While the database's clock has just jumped, nobody is undone because a time is over, and nothing is dated anew."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError

from orchestration.broker import heartbeat
from orchestration.engine.flow import advance, misdated_rows
from orchestration.engine.messages.transport import use_transport
from orchestration.engine.outbox.sweep import Swept
from orchestration.engine.rows import reading
from orchestration.engine.rows.drift import MOST_APART, REST_SECONDS, Drift
from orchestration.models import Saga
from orchestration.testing import SagaRun
from tests.orchestration.sample import TripInput, trip
from tests.orchestration.wrong_clock import JUMP, JumpingClock, dated_by_a_clock_ahead

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> JumpingClock:
    """The clock of this process, to which the database's jumps."""
    return JumpingClock()


@pytest.fixture
def watch(clock: JumpingClock, monkeypatch: pytest.MonkeyPatch) -> Drift:
    """What everything in this process notices a jump by."""
    found = Drift(clock)
    for module in (reading, advance, misdated_rows):
        monkeypatch.setattr(module, "drift", found)
    monkeypatch.setattr(heartbeat, "Looks", lambda: misdated_rows.Looks(clock, found))
    return found


def noted(watch: Drift, monotonic: list[float], *readings: tuple[float, float, float]) -> float:
    for says, asked, answered in readings:
        monotonic[0] = answered
        watch.noted(NOON + timedelta(seconds=says), asked)
    return watch.rests_for()


@pytest.mark.parametrize(
    ("readings", "rests"),
    [
        ([(0, 0, 0), (10, 10, 10)], False),
        ([(0, 0, 0), (10 + MOST_APART - 1, 10, 10)], False),
        ([(0, 0, 0), (10 + MOST_APART + 1, 10, 10)], True),
        ([(0, 0, 0), (10 - MOST_APART - 1, 10, 10)], True),
        ([(0, 0, 0), (7_210, 10, 10)], True),
        ([(0, 0, 0), (-7_190, 10, 10)], True),
        ([(0, 0, 0), (900, 900, 900), (901, 901, 901)], False),  # a long pause is no jump
        ([(0, 0, 0), (10, 10, 300), (301, 301, 301)], False),  # nor an answer that was long on its way
        ([(0, 0, 300), (301, 301, 301)], False),
    ],
)
def test_a_jump_is_what_a_clock_that_runs_forward_does_not_show(
    readings: list[tuple[float, float, float]], rests: bool
) -> None:
    monotonic = [0.0]
    watch = Drift(lambda: monotonic[0])
    assert bool(noted(watch, monotonic, *readings)) is rests
    monotonic[0] += REST_SECONDS
    assert not watch.rests_for()


def test_a_jump_is_told(caplog: pytest.LogCaptureFixture) -> None:
    monotonic = [0.0]
    with caplog.at_level("WARNING"):
        noted(Drift(lambda: monotonic[0]), monotonic, (0, 0, 0), (7_201, 1, 1))
    assert "has jumped by +7200 s" in caplog.text


@pytest.mark.django_db
@pytest.mark.parametrize("over", ["deadline", "time-out"])
def test_no_time_is_over_while_the_clock_is_in_doubt(clock: JumpingClock, watch: Drift, over: str) -> None:
    run = SagaRun(trip, TripInput(name="Ada", full=True)).until_rest()
    reading.database_now()
    if over == "deadline":
        Saga.objects.filter(id=run.id).update(deadline=reading.database_now() + timedelta(hours=1))
    else:
        run.skip(2 * 86_400 - JUMP / 2)
    clock.database_jumps(JUMP)
    dated_by_a_clock_ahead(-JUMP)
    Saga.objects.update(wake_at=reading.database_now())
    run.skip(0)
    assert run.state == "waiting"
    wake_at = run.saga.wake_at
    assert wake_at is not None
    assert wake_at - reading.database_now() <= timedelta(seconds=REST_SECONDS)
    clock.runs_steadily(REST_SECONDS + 1)  # the clock stays where it is, so it is believed
    run.skip(REST_SECONDS + 1)
    assert run.until_rest().state == "compensated"


@pytest.mark.django_db
def test_nothing_is_dated_anew_while_it_is_in_doubt_which_time_was_right(
    clock: JumpingClock, watch: Drift
) -> None:
    run = SagaRun(trip, TripInput(name="Ada", full=True)).until_rest()
    reading.database_now()
    before = run.step("sample.seat_free").due_at
    clock.database_jumps(-JUMP)  # behind for a moment: to it, all that is there lies in the future
    dated_by_a_clock_ahead()
    looks = misdated_rows.Looks(clock, watch)
    reading.database_now()
    assert looks.look() == 0
    with use_transport(run.transport):
        advance.advance(run.id, rescue=True)
    clock.database_jumps(JUMP)
    dated_by_a_clock_ahead(-JUMP)
    reading.database_now()
    assert looks.look() == 0
    assert run.step("sample.seat_free").due_at == before
    clock.runs_steadily(REST_SECONDS + 1)
    assert looks.look() == 0  # it runs as it should again, and nothing was wrong
    assert run.step("sample.seat_free").due_at == before


@pytest.mark.django_db
def test_a_worker_looks_at_its_beginning_after_a_jump_and_seldom_otherwise(
    clock: JumpingClock, watch: Drift, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[float] = []

    def look() -> int:
        looked.append(clock())
        return 0

    monkeypatch.setattr(misdated_rows, "put_misdated_right", look)
    looks = misdated_rows.Looks(clock, watch)
    for _ in range(3):
        looks.look()
    assert len(looked) == 1
    reading.database_now()
    clock.database_jumps(JUMP)
    reading.database_now()
    looks.look()
    assert len(looked) == 1
    clock.runs_steadily(REST_SECONDS + 1)
    for _ in range(3):
        looks.look()
    assert len(looked) == 2
    clock.runs_steadily(misdated_rows.LOOK_EVERY + 1)
    looks.look()
    assert len(looked) == 3


def test_a_look_that_fails_is_not_tried_again_at_each_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def fail() -> int:
        tried.append(1)
        raise OperationalError("canceling statement due to statement timeout")

    monkeypatch.setattr(misdated_rows, "put_misdated_right", fail)
    looks = misdated_rows.Looks(of=Drift())
    with pytest.raises(OperationalError):
        looks.look()
    assert looks.look() == 0
    assert len(tried) == 1


@pytest.mark.django_db(transaction=True)
def test_the_heartbeat_notices_a_jump_before_it_sweeps(
    clock: JumpingClock, watch: Drift, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop, doubted = threading.Event(), list[bool]()

    def swept() -> Swept:
        doubted.append(bool(watch.rests_for()))
        if len(doubted) == 2:
            stop.set()
        clock.database_jumps(JUMP)
        return Swept(0, 0)

    monkeypatch.setattr(heartbeat, "sweep", swept)
    monkeypatch.setattr(heartbeat, "_pause", lambda failures: 0.0)
    heartbeat.beat(stop)
    assert doubted == [False, True]
