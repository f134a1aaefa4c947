"""A page that stays open while its order moves: what it shows is what a page opened at that moment shows."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from orders.models import Order
from orders.services.cancelling import cancel_order
from orders.status import OrderStatus
from tests.orders.fulfilment import DISPATCHED
from tests.orders.storefront.moving import order_of, take_up

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shelf")]

HANDED_OVER = "Your parcel is being handed over"


class OpenPage:
    """A browser that polls as the page asks it to."""

    def __init__(self, client: Client, order: Order) -> None:
        self._client, self._order = client, order
        page = client.get(f"/orders/{order.id}/").content.decode()
        self.box = _box(page)
        self._next = _polled(page)

    def poll(self) -> None:
        """Ask as the page does, and put what is answered into it."""
        if not self._next:
            return
        answer = self._client.get(self._next)
        if answer.status_code == 204:
            return
        content = answer.content.decode()
        self._next = _polled(content)
        if '<div id="choices"' in content:
            self.box = _box(content)

    def assert_follows(self) -> None:
        """What may be done on it is what may be done on a page opened now."""
        assert self.box == _box(self._client.get(f"/orders/{self._order.id}/").content.decode())


def _polled(page: str) -> str:
    found = re.search(r'hx-get="([^"]*)"', page)
    return found[1].replace("&amp;", "&") if found else ""


def _box(page: str) -> str:
    found = re.search(
        r'<div id="choices".*?>(.*?)(?:<section class="card stack" aria-labelledby="summary|\Z)',
        page,
        re.DOTALL,
    )
    assert found
    said = re.sub(r"<input[^>]*>|<[^>]*>", " ", found[1])
    return " ".join(said.split())


@pytest.mark.parametrize(
    ("faults", "ending"),
    [
        ({}, "completed"),
        ({"reject_at": "payments.capture"}, "compensated"),
        ({"reject_at": "shipping.create_label"}, "compensated"),
        ({"reject_at": "payments.authorize"}, "compensated"),
    ],
    ids=["ships", "payment-refused", "carrier-refuses", "card-declined"],
)
def test_what_may_be_done_follows_the_order_at_each_step(
    client: Client, faults: dict[str, Any], ending: str
) -> None:
    order = order_of(client)
    page, run = OpenPage(client, order), take_up(order, **faults)
    while run.carry_one():
        page.poll()
        page.assert_follows()
    if ending == "completed":
        run.send("shipping.dispatched", DISPATCHED).until_rest()
    assert run.state == ending
    page.poll()
    page.assert_follows()
    assert HANDED_OVER not in page.box


def test_an_order_refused_by_the_carrier_is_no_longer_being_handed_over(client: Client) -> None:
    order = order_of(client)
    page, run = OpenPage(client, order), take_up(order, reject_at="shipping.create_label")
    run.until(lambda run: "payments.capture" in run.done)
    step = run.saga.steps.create(
        name="shipping.create_label",
        direction="forward",
        state="running",
        lease_until="2999-01-01T00:00:00Z",
        token=1,
    )
    page.poll()
    assert HANDED_OVER in page.box
    step.delete()
    run.until_rest()
    page.poll()
    assert run.state == "compensated"
    assert "cancelled" not in page.box
    page.assert_follows()


def test_an_order_cancelled_elsewhere_offers_no_cancelling(client: Client) -> None:
    order = order_of(client)
    page, run = OpenPage(client, order), take_up(order)
    assert "Cancel this order" in page.box
    cancel_order(order_id=order.id, by="staff:clerk", reason="asked by telephone")
    page.poll()
    assert "Cancel this order" not in page.box
    run.until_rest()
    page.poll()
    page.assert_follows()
    order.refresh_from_db()
    assert order.status == OrderStatus.CANCELLED
