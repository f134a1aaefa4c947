"""Who may act: claims, leases, tokens, epochs, and the barriers between a step and an undo that begins meanwhile."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F

from orchestration.core.planning.states import Direction
from orchestration.engine.messages.transport import use_transport
from orchestration.engine.steps.attempt import context_for
from orchestration.engine.steps.delivering import Verdict, perform
from orchestration.engine.steps.late import keep_late_result
from orchestration.engine.steps.rights import StepMessage
from orchestration.models import SagaStep
from orchestration.services import cancel_saga
from orchestration.testing import SagaRun
from tests.orchestration import sample
from tests.orchestration.deliveries import claim, claimed, message
from tests.orchestration.sample import Charged, Command, TripInput, effects, provider, trip

INPUT = TripInput(name="Ada")
pytestmark = pytest.mark.django_db(transaction=True)


def test_of_two_deliveries_one_is_claimed() -> None:
    run = SagaRun(trip, INPUT)
    assert claim(run, "register") is not None
    assert claim(run, "register") is None


def test_16_deliveries_at_once_claim_once() -> None:
    run = SagaRun(trip, INPUT)
    barrier, won = threading.Barrier(16), []

    def deliver() -> None:
        barrier.wait()
        try:
            if claim(run, "register") is not None:
                won.append(1)
        finally:
            connection.close()

    threads = [threading.Thread(target=deliver) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


@pytest.mark.parametrize("change", ["epoch", "after", "paused", "cancelled"])
def test_a_message_that_no_longer_fits_is_refused(change: str) -> None:
    run = SagaRun(trip, INPUT)
    if change == "paused":
        run.pause()
    if change == "cancelled":
        run.cancel()
    after = ("sample.charge",) if change == "after" else ()
    epoch = 7 if change == "epoch" else run.saga.epoch
    assert claim(run, "register", epoch=epoch, after=after) is None


def test_a_local_step_overtaken_by_undo_leaves_neither_effect_nor_record() -> None:
    """The barrier: undo begins while the step's own transaction is still open."""
    run = SagaRun(trip, INPUT)
    inside, undone = threading.Event(), threading.Event()
    verdicts: list[Verdict] = []

    def act(command: Any, context: Any) -> None:
        sample.effect("register", context)
        inside.set()
        assert undone.wait(10)

    participant = sample.do_register
    original, participant.act = participant.act, act

    def deliver() -> None:
        try:
            with use_transport(run.transport):
                verdicts.append(perform(participant, message(run, "register")).verdict)
        finally:
            connection.close()

    thread = threading.Thread(target=deliver)
    try:
        thread.start()
        assert inside.wait(10)
        run.cancel()
        undone.set()
        thread.join()
    finally:
        participant.act = original
    assert verdicts == [Verdict.STOP]
    assert effects(run.id) == []
    run.until_rest()
    assert (run.state, run.done) == ("cancelled", [])


def test_a_claim_in_flight_is_seen_by_an_undo_that_begins_meanwhile() -> None:
    """The claim holds the saga row in share mode until it commits, so undo cannot settle past it."""
    run = SagaRun(trip, INPUT)
    run.until(lambda each: "sample.register" in each.done)
    started, cancelled = threading.Event(), threading.Event()

    def cancel() -> None:
        started.set()
        try:
            with use_transport(run.transport):  # otherwise this process's relay would send it to the broker
                cancel_saga(saga_id=run.id, by="test")
            cancelled.set()
        finally:
            connection.close()

    with transaction.atomic():
        assert claim(run, "charge", after=("sample.register",)) is not None
        thread = threading.Thread(target=cancel)
        thread.start()
        assert started.wait(10)
        assert not cancelled.wait(0.3)  # it must be waiting for our lock; there is nothing else to wait for
    thread.join()
    assert cancelled.is_set()
    assert run.step("sample.charge").state == "running"


def test_a_zombie_cannot_record_and_its_effect_is_a_duplicate_while_the_saga_goes_forward() -> None:
    run = SagaRun(trip, INPUT)
    run.until(lambda each: "sample.register" in each.done)
    zombie = claimed(run, "charge", after=("sample.register",))
    run.skip(60)
    run.until_rest()
    assert (run.state, provider.count("charge")) == ("completed", 1)
    context = context_for(run.saga, "sample.charge", Direction.FORWARD, zombie)
    keep_late_result(
        zombie,
        sample.do_charge,
        Command(name="Ada"),
        Charged(charge="x"),
        context,
    )
    assert run.step("sample.charge").result == {"charge": context.idempotency_key}
    assert run.saga.history.filter(kind="late_result", data__adopted=False).count() == 1


def test_a_late_effect_nobody_knew_of_is_undone_while_the_saga_is_being_undone() -> None:
    run = SagaRun(trip, INPUT, reject_at="sample.book_seat")
    run.until(lambda each: "sample.register" in each.done)
    zombie = claimed(run, "charge", after=("sample.register",))
    SagaStep.objects.filter(id=zombie.row_id).update(state="absent", token=F("token") + 1, lease_until=None)
    run.until(lambda each: each.state == "compensating")
    context = context_for(run.saga, "sample.charge", Direction.FORWARD, zombie)
    result = sample.do_charge(Command(name="Ada"), context)
    keep_late_result(zombie, sample.do_charge, Command(name="Ada"), result, context)
    run.until_rest()
    assert (run.state, provider.count("charge"), provider.count("refund")) == ("compensated", 1, 1)


def test_a_redelivery_of_a_recorded_step_carries_on_only_while_the_next_is_unclaimed() -> None:
    run = SagaRun(trip, INPUT)
    run.until(lambda each: "sample.register" in each.done)
    again = StepMessage(
        run.id, "sample.register", Direction.FORWARD, 1, (), "t", redelivered=True, next_step="sample.charge"
    )
    assert perform(sample.do_register, again).verdict is Verdict.CARRY_ON
    assert claim(run, "charge") is not None
    assert perform(sample.do_register, again).verdict is Verdict.STOP
    assert perform(sample.do_register, message(run, "register")).verdict is Verdict.STOP
    assert effects(run.id) == ["register"]
