"""The database's clock was two hours ahead for a while: what it dated is dated anew, and no saga rests for two hours."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models import F

from orchestration import StepRetryable
from orchestration.engine.flow.advance import advance
from orchestration.engine.flow.misdated_rows import put_misdated_right
from orchestration.engine.messages import probes
from orchestration.engine.messages.probes import ask
from orchestration.engine.messages.transport import use_transport
from orchestration.engine.rows.reading import database_now
from orchestration.models import OutboxMessage, QueueProbe, Saga, SagaEvent, SagaStep
from orchestration.operations.terminal.counting import statistics
from orchestration.testing import SagaRun
from tests.orchestration import sample
from tests.orchestration.sample import TripInput, trip
from tests.orchestration.wrong_clock import JUMP, dated_by_a_clock_ahead, rescued_within_minutes

pytestmark = pytest.mark.django_db
INPUT = TripInput(name="Ada")
SOON = timedelta(minutes=2)


@pytest.fixture(autouse=True)
def nobody_has_asked(db: None) -> None:
    QueueProbe.objects.all().delete()


def corrected(run: SagaRun) -> int:
    return SagaEvent.objects.filter(saga_id=run.id, kind="times_corrected").count()


def first_message_lost() -> SagaRun:
    run = SagaRun(trip, INPUT)
    with use_transport(run.transport):
        advance(run.id)
    OutboxMessage.objects.update(sent_at=database_now())
    run.transport.lose_everything()
    return run


def next_message_lost() -> SagaRun:
    run = SagaRun(trip, INPUT).until(lambda each: "sample.register" in each.done)
    run.transport.lose_everything()
    return run


def waits_for_its_retry() -> SagaRun:
    return SagaRun(trip, INPUT, fail_at={"sample.charge": 1}).until(
        lambda each: SagaStep.objects.filter(saga_id=each.id, state="unknown").exists()
    )


def its_worker_died() -> SagaRun:
    run = SagaRun(trip, INPUT).until(lambda each: "sample.register" in each.done)
    with use_transport(run.transport):
        advance(run.id)
    SagaStep.objects.filter(saga_id=run.id, name="sample.charge").update(
        state="running",
        deliveries=1,
        token=1,
        started_at=database_now(),
        lease_until=database_now() + timedelta(seconds=15),
    )
    run.transport.lose_everything()
    return run


def is_being_undone() -> SagaRun:
    run = SagaRun(trip, INPUT, reject_at=["sample.confirm"]).until(lambda each: each.state == "compensating")
    run.transport.lose_everything()
    return run


def its_outcome_is_unknown() -> SagaRun:
    run = SagaRun(trip, INPUT, lose_answer_at=["sample.charge"], reject_at=["sample.book_seat"])
    run.until(lambda each: each.state == "compensating")
    return run


PHASES = [
    first_message_lost, next_message_lost, waits_for_its_retry, its_worker_died, is_being_undone, its_outcome_is_unknown,
]  # fmt: skip


@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.__name__)
def test_whatever_it_did_meanwhile_it_goes_on_within_minutes(phase: Callable[[], SagaRun]) -> None:
    run = phase()
    dated_by_a_clock_ahead()
    assert rescued_within_minutes(run)
    assert corrected(run) >= 1
    assert run.state in ("completed", "compensated")


@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.__name__)
def test_a_clock_that_was_ahead_for_one_statement_only_is_found_out(phase: Callable[[], SagaRun]) -> None:
    run = phase()
    Saga.objects.update(wake_at=F("wake_at") + timedelta(seconds=JUMP))
    assert rescued_within_minutes(run)


def test_nothing_is_dated_anew_where_the_clock_runs_as_it_should(caplog: pytest.LogCaptureFixture) -> None:
    runs = [phase() for phase in PHASES]
    waiting = SagaRun(trip, TripInput(name="Bea", full=True)).until_rest()
    asked = SagaRun(trip, INPUT).until(lambda each: "sample.register" in each.done)
    row = SagaStep(
        saga_id=asked.id, name="sample.charge", direction="forward", state="waiting", task="sample.charge"
    )
    Saga.objects.filter(id=asked.id).update(
        wake_at=row.rest(3_600.0, since=database_now())
    )  # a provider has asked for it
    row.save()
    assert put_misdated_right() == 0
    for run in (*runs, waiting, asked):
        with use_transport(run.transport):
            advance(run.id, rescue=True)
        assert corrected(run) == 0
    assert put_misdated_right() == 0
    assert "clock" not in caplog.text


def test_a_wait_keeps_its_length_and_a_deadline_its_own() -> None:
    run = SagaRun(trip, TripInput(name="Ada", full=True)).until_rest()
    dated_by_a_clock_ahead()
    assert put_misdated_right() == 1
    run.skip(0)
    wait, now = run.step("sample.seat_free"), database_now()
    assert wait.due_at is not None
    assert run.saga.deadline is not None
    assert abs(wait.due_at - now - timedelta(days=2)) < SOON
    assert abs(run.saga.deadline - now - timedelta(days=30)) < SOON
    assert run.saga.wake_at == wait.due_at
    assert corrected(run) == 1
    assert put_misdated_right() == 0
    run.send("sample.seat_free", {"seat": "4a"})
    assert run.until_rest().state == "completed"


def test_a_wait_that_begins_while_the_clock_is_behind_does_not_end_too_early() -> None:
    run = SagaRun(trip, TripInput(name="Ada", full=True)).until(lambda each: "sample.charge" in each.done)
    dated_by_a_clock_ahead()  # what was written before lies in the future of a clock that is two hours behind
    while run.carry_one():
        pass
    with use_transport(run.transport):
        advance(run.id)
    wait = run.step("sample.seat_free")
    dated_by_a_clock_ahead(-JUMP)  # and it is right again
    wait.refresh_from_db()
    assert wait.due_at is not None
    assert abs(wait.due_at - database_now() - timedelta(days=2)) < SOON


def test_a_step_retried_by_a_provider_that_asks_for_an_hour_keeps_that_hour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = SagaRun(trip, INPUT).until(lambda each: "sample.register" in each.done)

    def busy(what: str, context: object) -> None:
        raise StepRetryable("busy", retry_after=3_600.0)

    monkeypatch.setattr(sample.provider, "do", busy)
    for _ in range(5):
        run.carry_one()
    row = run.step("sample.charge")
    assert row.due_after is not None
    assert 3_600.0 <= row.due_after <= 4_500.0
    assert put_misdated_right() == 0
    with use_transport(run.transport):
        advance(run.id, rescue=True)
    assert run.step("sample.charge").due_at == row.due_at


def test_a_probe_is_asked_and_answered_after_the_clock_was_set_back() -> None:
    run = next_message_lost()
    with use_transport(run.transport):
        assert ask("sample")
        asked = QueueProbe.objects.get(queue="sample").asked_at
        probes.answer("sample", asked.isoformat())
        for seconds in (20.0, JUMP):
            QueueProbe.objects.update(asked_at=F("asked_at") + timedelta(seconds=seconds))
            QueueProbe.objects.update(proven_at=F("asked_at"))
            assert ask("sample")
            assert probes.proven(["sample"]) == {}  # nothing is proved by what was asked in the future
            QueueProbe.objects.update(unanswered=0)


def test_messages_and_probes_from_the_future_are_sent_and_asked_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    run = SagaRun(trip, INPUT)
    OutboxMessage.objects.update(claimed_until=database_now() + timedelta(seconds=8), send_failures=3)
    QueueProbe.objects.create(queue="sample", asked_at=database_now(), proven_at=None, unanswered=3)
    dated_by_a_clock_ahead()
    assert put_misdated_right() == 1
    message, probe, now = OutboxMessage.objects.get(), QueueProbe.objects.get(queue="sample"), database_now()
    assert (message.sent_at, message.claimed_until) == (None, None)
    assert message.created_at <= now
    assert probe.asked_at <= now
    assert "was ahead" in caplog.text
    assert "1 sagas" in caplog.text
    assert run.until_rest().state == "completed"


def test_statistics_count_it_as_a_rescue() -> None:
    run = waits_for_its_retry()
    dated_by_a_clock_ahead()
    put_misdated_right()
    run.skip(0)
    assert statistics()["rescues"]["times_corrected"] == 1
