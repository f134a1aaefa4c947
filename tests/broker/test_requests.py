"""A request never talks to the broker: its thread opens and writes no socket. The relay's thread does, and that is seen."""

from __future__ import annotations

import copy
import gc
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery import chain, group, signature
from django.db import transaction
from django.test import Client

from config.queues import QUEUES
from orchestration.models import OutboxMessage, Saga
from orchestration.services import publish_event
from tests.bootstrap.running_system import wait_until
from tests.orchestration.worker_process import empty
from tests.orders import conftest as of_orders
from tests.orders.fulfilment import DISPATCHED

catalog = of_orders.catalog
ORDER = of_orders.ORDER


def _recording(real: Callable[..., Any], seen: list[str]) -> Callable[..., Any]:
    def recorded(self: socket.socket, *arguments: Any) -> Any:
        seen.append(threading.current_thread().name)
        return real(self, *arguments)

    return recorded


@pytest.fixture
def talkers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of threads that connected or wrote to a socket. The database's driver uses none of Python's."""
    seen: list[str] = []
    for name in ("connect", "connect_ex", "send", "sendall", "sendto", "sendmsg"):
        monkeypatch.setattr(socket.socket, name, _recording(getattr(socket.socket, name), seen))
    return seen


@pytest.fixture
def empty_queues() -> Iterator[None]:
    yield
    empty(*QUEUES)


@pytest.mark.usefixtures("transactional_db", "catalog", "empty_queues")
def test_no_request_about_an_order_talks_to_the_broker(talkers: list[str], client: Client) -> None:
    def post(address: str, content: Any) -> Any:
        headers = {"Idempotency-Key": "structural".ljust(36, "-")}
        return client.post(address, copy.deepcopy(content), content_type="application/json", headers=headers)

    placed = post("/api/orders", ORDER)
    again = post("/api/orders", ORDER)
    assert (placed.status_code, again.content) == (201, placed.content)
    where = placed.headers["Location"]
    assert client.get(where).status_code == 200
    assert post(f"{where}/cancel", {"reason": "changed my mind"}).status_code < 300
    with transaction.atomic():
        publish_event(
            type="shipping.dispatched",
            source="shipping",
            key=Saga.objects.get().business_key,
            data=DISPATCHED,
        )
    unsent = OutboxMessage.objects.filter(sent_at=None)
    wait_until(lambda: not unsent.exists(), "the relay has sent it all", 30)
    assert set(talkers) == {"relay"}, "and without the relay the test would see nothing"


@pytest.mark.usefixtures("empty_queues")
def test_what_is_left_of_a_message_that_was_sent_is_thrown_away_in_silence(talkers: list[str]) -> None:
    """Garbage is collected by any thread, that of a request for one."""
    one = signature("orchestration.advance", kwargs={"saga": "no-id"}, immutable=True, queue="orchestration")

    def send() -> None:
        kept.append(chain(one, group(one, one), one).apply_async())
        kept.append(group(one, one).apply_async())

    kept: list[Any] = []
    sender = threading.Thread(target=send, name="sender")
    sender.start()
    sender.join(30)
    assert len(kept) == 2
    assert set(talkers) == {"sender"}
    talkers.clear()
    kept.clear()
    gc.collect()
    assert talkers == []
