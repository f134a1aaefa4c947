"""What the faults of the chaos run do to the broker's queues."""

from __future__ import annotations

import os
from random import Random
from typing import Any

import pytest
from kombu import Connection

from config.celery import app
from config.queues import QUEUES
from tests.chaos.queues import queues_of

QUEUE = QUEUES[0]


@pytest.mark.parametrize("number", [0, 1, 2, 3, 20])
@pytest.mark.parametrize("seed", range(4))
def test_what_waits_changes_its_order_however_little_it_is_and_nothing_is_lost(
    number: int, seed: int
) -> None:
    found = []
    with Connection(os.environ["CELERY_BROKER_URL"]) as link, link.channel() as channel:
        queues: dict[str, Any] = {name: app.amqp.queues[name].bind(channel) for name in QUEUES}
        for queue in queues.values():
            queue.declare()
            queue.purge()
        with link.Producer(channel) as producer:
            for each in range(number):
                producer.publish({"number": each}, exchange=queues[QUEUE].exchange, routing_key=QUEUE)
        moved = queues_of(os.environ["CELERY_BROKER_URL"]).shuffle(Random(seed))
        while (message := queues[QUEUE].get()) is not None:
            message.ack()
            found.append(message.payload["number"])
    assert sorted(found) == list(range(number))
    assert moved == sum(one != at for at, one in enumerate(found))
    assert (moved > 0) is (number > 1)
