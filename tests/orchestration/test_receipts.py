"""An event that was sent and is lost is sent again, once that is proved, and never otherwise."""

from __future__ import annotations

import pytest

from orchestration.engine.messages.transport import use_transport
from orchestration.engine.outbox.receipts import put_back_lost_events
from orchestration.engine.outbox.sweep import sweep
from orchestration.models import InboxMessage, OutboxMessage
from orchestration.testing import SagaRun
from orchestration.testing.mail import EventMail
from tests.orchestration.sample import TripInput, trip

pytestmark = pytest.mark.django_db


@pytest.fixture
def waiting() -> SagaRun:
    """A saga that waits for a seat, and the news of one on its way."""
    run = SagaRun(trip, TripInput(name="Ada", full=True)).until_rest()
    assert run.state == "waiting"
    run.send("sample.seat_free", {"seat": "12A"})
    with use_transport(run.transport):
        sweep()
    assert events(run) == 1
    return run


def events(run: SagaRun) -> int:
    return sum(isinstance(mail, EventMail) for mail in run.transport.mail)


def swept(run: SagaRun) -> None:
    """What a heartbeat does."""
    with use_transport(run.transport):
        sweep()


def carried(run: SagaRun) -> None:
    while run.carry_one():
        pass


def test_a_lost_event_is_sent_again_and_applied_once(waiting: SagaRun) -> None:
    waiting.transport.lose_everything()
    waiting.skip(11)
    swept(waiting)  # it has not arrived: a probe is sent
    assert events(waiting) == 0
    carried(waiting)  # and comes through
    swept(waiting)
    assert events(waiting) == 1
    assert waiting.until_rest().state == "completed"
    assert InboxMessage.objects.count() == 1


def test_an_event_in_a_long_queue_is_not_doubled(waiting: SagaRun) -> None:
    for _ in range(10):
        waiting.skip(60)
        swept(waiting)
    assert events(waiting) == 1
    assert waiting.until_rest().state == "completed"


def test_an_event_that_arrived_gets_its_receipt_and_is_never_looked_at_again(waiting: SagaRun) -> None:
    carried(waiting)
    waiting.skip(11)
    swept(waiting)
    message = OutboxMessage.objects.get(kind="event")
    assert message.received_at == InboxMessage.objects.get().received_at
    assert (message.losses, put_back_lost_events()) == (0, 0)
    assert events(waiting) == 0


def test_an_event_whose_receiver_fails_each_time_is_sent_again_ever_more_slowly(waiting: SagaRun) -> None:
    def again_after(seconds: float) -> bool:
        waiting.transport.lose_everything()
        waiting.skip(seconds)
        swept(waiting)
        carried_probes = [mail for mail in waiting.transport.mail if not isinstance(mail, EventMail)]
        for mail in carried_probes:
            waiting.transport.mail.remove(mail)
            with use_transport(waiting.transport):
                waiting.transport.deliver(mail)
        swept(waiting)
        return events(waiting) == 1

    assert [again_after(11), again_after(11), again_after(11), again_after(21)] == [True, False, True, False]


def test_an_event_that_is_lost_after_the_broker_was_long_away_is_sent_again_within_a_minute(
    waiting: SagaRun,
) -> None:
    # Each try of a relay is counted while the broker is away; these are no losses.
    OutboxMessage.objects.filter(kind="event").update(send_failures=30)
    waiting.transport.lose_everything()
    waiting.skip(11)
    swept(waiting)
    carried(waiting)
    swept(waiting)
    assert events(waiting) == 1
