"""Cancelling on the order's page: while it is possible, with one more question; afterwards with the reason."""

from __future__ import annotations

import pytest
from django.test import Client

from orders.models import Order
from tests.orders.fulfilment import DISPATCHED
from tests.orders.storefront.browsing import words
from tests.orders.storefront.moving import order_of, settings_cookie, take_up

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shelf")]


def cancel(client: Client, order: Order) -> str:
    """Press the button; what the page says then."""
    response = client.post(f"/orders/{order.id}/cancel/", follow=True)
    assert response.redirect_chain == [(f"/orders/{order.id}/", 302)]
    return words(response)


def test_a_waiting_order_is_cancelled_by_its_customer_and_the_page_says_who_has_what(client: Client) -> None:
    order = order_of(client, sku="NW-31")
    run = take_up(order).until_rest()
    assert "Yes, cancel it" in words(client.get(f"/orders/{order.id}/"))
    page = cancel(client, order)
    assert "will not be sent: your cancellation has reached us." in page
    assert f"{order.reference} is being cancelled" not in page
    run.until(lambda run: run.state == "cancelled")
    said = words(client.get(f"/orders/{order.id}/"))
    for part in ("cancelled on request", "Taken off the waiting list", "The hold on your card is released."):
        assert part in said, part
    assert "Cancel this order" not in said


def test_cancelling_twice_is_cancelling_once(client: Client) -> None:
    order = order_of(client)
    cancel(client, order)
    run = take_up(order).until_rest()
    assert f"Order {order.reference} is cancelled." in cancel(client, order)
    assert run.saga.history.filter(kind="undo_begun").count() == 1


def test_once_the_parcel_is_made_the_page_offers_no_cancel_and_says_why(client: Client) -> None:
    order = order_of(client)
    run = take_up(order).until_rest()
    said = words(client.get(f"/orders/{order.id}/"))
    assert "Cancel this order" not in said
    assert "Your parcel is being handed over, so the order can no longer be cancelled." in said
    assert said.count("can no longer be cancelled") == 1
    assert cancel(client, order).count("can no longer be cancelled") == 2
    run.send("shipping.dispatched", DISPATCHED).until_rest()
    assert "Your order has been shipped, so it can no longer be cancelled." in cancel(client, order)
    assert run.state == "completed"


def test_an_address_alone_cancels_nothing(client: Client) -> None:
    order = order_of(client)
    assert client.get(f"/orders/{order.id}/cancel/")["Location"] == f"/orders/{order.id}/"
    strict = Client(enforce_csrf_checks=True)
    strict.cookies[settings_cookie()] = client.cookies[settings_cookie()].value
    assert strict.get(f"/orders/{order.id}/").status_code == 200
    assert strict.post(f"/orders/{order.id}/cancel/").status_code == 403
    assert take_up(order).until_rest().state == "waiting"
