"""A broker without memory refuses what is published; it is seen, nothing is marked as sent, and afterwards all of it goes out."""

from __future__ import annotations

from django.db.models import Sum

from orchestration.models import OutboxMessage, Saga
from tests.bootstrap.running_system import wait_until
from tests.broker import errand
from tests.broker.conftest import Errands

COUNT = 6


def test_with_a_full_broker_nothing_is_marked_as_sent_and_with_room_everything_ends(errands: Errands) -> None:
    unsent, log = OutboxMessage.objects.filter(sent_at=None), errands.worker.log
    errands.valkey.fill_up()
    sagas = errand.start(COUNT)
    refused = unsent.filter(send_failures__gte=1)
    tries = refused.aggregate
    wait_until(lambda: (tries(n=Sum("send_failures"))["n"] or 0) >= 5, "it was tried five times", 60)
    assert unsent.count() == COUNT
    assert all("maxmemory" in message.last_error for message in refused)
    assert log.read_text().count("the broker is away") >= 3
    assert "could not be sent" not in log.read_text()
    errands.valkey.make_room()
    wait_until(lambda: not unsent.exists(), "the outbox is drained", 60)
    ended = Saga.objects.filter(id__in=[saga.id for saga in sagas], state="completed")
    wait_until(lambda: ended.count() == COUNT, "every saga has ended", 60)
    assert errands.worker.is_alive
    assert errands.provider.effects() == {"pay": COUNT, "begin": COUNT, "carry": COUNT}
