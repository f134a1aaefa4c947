"""A message is sent again only when it is certainly lost: a queue of any length is never doubled."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F

from orchestration.engine.messages import probes
from orchestration.engine.messages.transport import use_transport
from orchestration.engine.rows.reading import database_now
from orchestration.models import QueueProbe, Saga, SagaEvent
from orchestration.testing import SagaRun
from orchestration.testing.transport import HandTransport
from tests.orchestration import steps_ahead
from tests.orchestration.sample import TripInput, trip
from tests.orchestration.steps_ahead import Ledger

pytestmark = pytest.mark.django_db
INPUT = TripInput(name="Ada")


@pytest.fixture(autouse=True)
def nobody_has_asked(db: None) -> None:
    """A worker of another test may have left a probe behind, after that test's rows were removed."""
    QueueProbe.objects.all().delete()


def sent_again(run: SagaRun) -> int:
    return SagaEvent.objects.filter(saga_id=run.id, kind="sent_again").count()


def on_its_way(run: SagaRun) -> list[str]:
    return [type(mail).__name__ for mail in run.transport.mail]


@pytest.fixture
def waiting_in_a_long_queue() -> SagaRun:
    """A saga whose second message lies in its queue, behind many others."""
    run = SagaRun(trip, INPUT)
    run.until(lambda each: "sample.register" in each.done)
    return run


def test_a_message_in_a_long_queue_is_not_doubled_however_long_it_waits(
    waiting_in_a_long_queue: SagaRun,
) -> None:
    run = waiting_in_a_long_queue
    before = on_its_way(run)
    for _ in range(20):
        run.skip(30)  # ten minutes
    behind = on_its_way(run)[len(before) :]
    assert set(behind) == {"ProbeMail"}
    assert len(behind) <= 20 * 2  # at most one probe of each queue each time
    assert sent_again(run) == 0
    assert run.until_rest().state == "completed"


def test_a_lost_message_is_sent_again_as_soon_as_a_probe_has_come_through(
    waiting_in_a_long_queue: SagaRun,
) -> None:
    run = waiting_in_a_long_queue
    run.transport.lose_everything()
    run.skip(11)
    assert set(on_its_way(run)) == {"ProbeMail"}
    while run.carry_one():
        pass
    run.skip(0)
    assert "StepMail" in on_its_way(run)
    assert run.until_rest().state == "completed"


def test_a_quick_local_step_that_somebody_may_be_doing_without_a_claim_is_not_sent_again_meanwhile() -> None:
    run = SagaRun(steps_ahead.chain, Ledger(name="x"))
    run.until(lambda each: "ahead.one" in each.done)
    run.transport.lose_everything()  # a worker has taken it
    Saga.objects.filter(id=run.id).update(wake_at=database_now())
    run.skip(5)
    while run.carry_one():
        pass  # the probe comes through at once
    run.skip(0)
    assert (sent_again(run), on_its_way(run)) == (0, [])
    run.skip(5)
    assert (sent_again(run), on_its_way(run)) == (1, ["StepMail"])
    assert run.until_rest().state == "completed"


def test_a_message_lost_again_and_again_is_each_time_sent_again_within_a_minute(
    waiting_in_a_long_queue: SagaRun,
) -> None:
    run = waiting_in_a_long_queue
    for times in range(1, 8):
        run.transport.lose_everything()
        run.skip(45)
        while run.carry_one() and "StepMail" not in on_its_way(run):
            pass
        run.skip(0)
        assert (times, "StepMail" in on_its_way(run)) == (times, True)
    assert run.until_rest().state == "completed"


def test_a_lost_probe_is_repeated_ever_more_slowly() -> None:
    transport = HandTransport()

    def asked_after(seconds: float) -> bool:
        transport.lose_everything()
        QueueProbe.objects.filter(queue="payments").update(
            asked_at=F("asked_at") - timedelta(seconds=seconds)
        )
        probes.ask_again()
        return len(transport.mail) == 1

    with use_transport(transport):
        assert probes.ask("payments")
        assert [asked_after(1.5), asked_after(1)] == [False, True]
        assert [asked_after(3), asked_after(1.5)] == [False, True]
        assert [asked_after(7), asked_after(1.5)] == [False, True]
        assert [asked_after(14), asked_after(1.5)] == [False, True]
        assert [asked_after(14), asked_after(1.5)] == [False, True]


def test_many_sagas_that_ask_about_one_queue_send_one_probe() -> None:
    transport = HandTransport()
    with use_transport(transport):
        assert [probes.ask("payments") for _ in range(50)] == [True] + [False] * 49
    assert len(transport.mail) == 1


def test_a_probe_proves_nothing_about_what_was_sent_after_it() -> None:
    transport = HandTransport()
    with use_transport(transport):
        probes.ask("payments")
        transport.carry_one()
    asked = QueueProbe.objects.get(queue="payments").asked_at
    assert probes.proven(["payments", "shipping"]) == {"payments": asked}
    probes.answer("payments", (asked - timedelta(seconds=5)).isoformat())
    assert probes.proven(["payments"]) == {"payments": asked}


def test_in_a_long_queue_the_answer_to_an_older_probe_makes_no_room_for_one_more() -> None:
    transport = HandTransport()
    with use_transport(transport):
        probes.ask("payments")
        for _ in range(3):  # the queue is long: each is repeated before it has arrived
            QueueProbe.objects.filter(queue="payments").update(asked_at=F("asked_at") - timedelta(seconds=16))
            probes.ask_again()
        assert len(transport.mail) == 4
        for still_under_way in (3, 2, 1):
            transport.carry_one()
            assert (probes.ask("payments"), len(transport.mail)) == (False, still_under_way)
        transport.carry_one()
        assert probes.ask("payments")


def test_an_answer_wakes_who_waited_before_it_was_asked_and_is_asked_for_again_for_the_others() -> None:
    """In a queue of many thousand messages each answer would otherwise have every waiting saga looked at."""
    early, late = SagaRun(trip, INPUT), SagaRun(trip, INPUT)
    now = database_now()
    asked = now - timedelta(seconds=5)
    for run, since in ((early, now - timedelta(seconds=9)), (late, now - timedelta(seconds=1))):
        Saga.objects.filter(id=run.id).update(
            awaits_queue="sample", updated_at=since, wake_at=now + timedelta(minutes=1)
        )
    QueueProbe.objects.create(queue="sample", asked_at=asked)
    transport = HandTransport()
    with use_transport(transport):
        probes.answer("sample", asked.isoformat())
    assert [run.saga.awaits_queue for run in (early, late)] == ["", "sample"]
    woken = early.saga.wake_at
    assert woken is not None
    assert woken <= database_now()
    assert [type(mail).__name__ for mail in transport.mail] == ["ProbeMail"]
