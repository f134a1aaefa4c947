"""What callers are told while the database takes no writes, no connections, or has no room: 503, and when to come again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.test import Client

from orchestration.models import Saga
from orders.models import Order
from tests.database.outages import OUTAGES, prepared, read_only
from tests.orders.conftest import Post, nothing_is_stored

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=OUTAGES)
def outage(
    request: pytest.FixtureRequest, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AbstractContextManager[None]]:
    """Begins with `with`; no relay thread writes beside it."""
    monkeypatch.setattr("orchestration.engine.outbox.relay.wake", lambda: None)
    with prepared(request.param):
        yield OUTAGES[request.param]()


@pytest.fixture
def caller() -> Client:
    """A client that gets the answer a real one would, whatever was raised."""
    return Client(raise_request_exception=False)


def assert_to_come_again(answer: Any) -> None:
    assert (answer.status_code, answer.headers.get("Retry-After")) == (503, "5")
    assert answer["Cache-Control"] == "no-store"


def test_an_order_is_to_be_sent_again_and_the_same_key_then_places_it_once(
    outage: AbstractContextManager[None],
    catalog: None,
    post: Post,
    client: Client,
    order_json: dict[str, Any],
) -> None:
    client.raise_request_exception = False
    with outage:
        assert_to_come_again(post(order_json))
    assert nothing_is_stored()
    assert [post(order_json).status_code for _ in range(2)] == [201, 201]
    assert Order.objects.count() == Saga.objects.count() == 1


def test_a_basket_is_to_be_filled_again(
    outage: AbstractContextManager[None], shelf: None, caller: Client
) -> None:
    """The session is an old one: an update that fails is no fault of the browser's."""
    caller.post("/basket/add/", {"sku": "NW-01", "quantity": "1"})
    with outage:
        assert_to_come_again(caller.post("/basket/add/", {"sku": "NW-01", "quantity": "2"}))
    caller.post("/basket/add/", {"sku": "NW-01", "quantity": "2"})
    assert 'value="3"' in caller.get("/basket/").content.decode()


def test_what_only_reads_is_answered_while_no_writes_are_taken(
    catalog: None, post: Post, client: Client, order_json: dict[str, Any]
) -> None:
    placed = post(order_json).json()
    with read_only():
        assert client.get(placed["href"]).json()["reference"] == placed["reference"]
        assert client.get("/").status_code == 200
