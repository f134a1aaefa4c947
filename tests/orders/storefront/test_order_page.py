"""The page of an order: what it shows, who may see it, how it is polled."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from orders.models import Order
from tests.orders.fulfilment import DISPATCHED
from tests.orders.storefront.browsing import words
from tests.orders.storefront.moving import order_of, take_up

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shelf")]


def page_of(order: Order) -> str:
    return f"/orders/{order.id}/"


def poll_of(client: Client, order: Order) -> str:
    """The address the page would ask next."""
    found = re.search(r'hx-get="([^"]*)"', client.get(page_of(order)).content.decode())
    assert found is not None
    return found[1].replace("&amp;", "&")


def test_the_page_tells_what_was_ordered_where_it_goes_and_how_the_card_behaves(client: Client) -> None:
    order = order_of(client, quantity=2, card="card_slow")
    response = client.get(page_of(order))
    said = words(response)
    for part in (
        order.reference,
        "2 × Queso Cabrales",
        "42.00 USD",
        "59 rue de l'Abbaye",
        "51100 Reims",
        "France",
    ):
        assert part in said, part
    assert "Pays, after a second and a half." in said
    assert "card_slow" not in response.content.decode()
    assert "no-store" in response["Cache-Control"]


def test_a_shipped_order_shows_its_tracking_number_and_every_step(client: Client) -> None:
    order = order_of(client)
    take_up(order).until_rest().send("shipping.dispatched", DISPATCHED).until_rest()
    said = words(client.get(page_of(order)))
    for part in ("Payment taken", "Handed to the carrier", "Order shipped", "T1", "Federal Shipping"):
        assert part in said, part
    assert "Now:" not in said


def test_a_declined_order_shows_the_reason_and_that_no_money_was_taken(client: Client) -> None:
    order = order_of(client)
    take_up(order, reject_at="payments.capture").until_rest()
    said = words(client.get(page_of(order)))
    for part in (
        "Payment declined",
        "Card hold released",
        "Stock released",
        "Order cancelled",
        "No money was taken.",
    ):
        assert part in said, part


def test_an_order_refunded_says_that_the_money_is_back(client: Client) -> None:
    order = order_of(client)
    take_up(order, reject_at="shipping.create_label").until_rest()
    assert "Your money is back: the payment was refunded." in words(client.get(page_of(order)))


@pytest.mark.parametrize("path", ["", "progress/", "cancel/"])
def test_another_browsers_order_is_as_little_there_as_one_that_never_was(client: Client, path: str) -> None:
    order = order_of(client)
    stranger = Client()
    order_of(stranger)
    ask = stranger.post if path == "cancel/" else stranger.get
    for order_id in (order.id, uuid4()):
        assert ask(f"/orders/{order_id}/{path}").status_code == 404
    order.refresh_from_db()
    assert order.status == "placed"


def test_staff_see_an_order_and_cancel_it_only_if_they_may_change_orders(client: Client) -> None:
    order = order_of(client)
    clerk = User.objects.create_user("clerk")
    office = Client()
    office.force_login(clerk)
    assert office.get(page_of(order)).status_code == 404
    clerk.user_permissions.add(Permission.objects.get(codename="view_order"))
    assert "Cancel this order" not in words(office.get(page_of(order)))
    assert office.post(f"{page_of(order)}cancel/").status_code == 404
    clerk.user_permissions.add(Permission.objects.get(codename="change_order"))
    assert "Cancel this order" in words(office.get(page_of(order)))
    assert office.post(f"{page_of(order)}cancel/").status_code == 302
    assert take_up(order).until_rest().state == "cancelled"


def test_while_nothing_changes_a_poll_answers_204_and_otherwise_with_what_is_new(client: Client) -> None:
    order = order_of(client)
    address = poll_of(client, order)
    assert client.get(address).status_code == 204
    run = take_up(order)
    run.until(lambda run: "orders.accept" in run.done)
    changed = client.get(address)
    assert changed.status_code == 200
    assert "Order confirmed" in words(changed)
    assert '<p id="newest" hx-swap-oob="innerHTML">' in changed.content.decode()
    # What may be done is as before, so an opened "Cancel this order" is left alone.
    assert "Cancel this order" not in words(changed)
    assert client.get(poll_of(client, order)).status_code == 204


def test_what_may_be_done_is_replaced_when_it_changes(client: Client) -> None:
    order = order_of(client)
    address = poll_of(client, order)
    take_up(order).until_rest()
    assert "can no longer be cancelled" in words(client.get(address))


def test_it_asks_each_second_while_it_moves_every_third_while_it_waits_and_never_once_it_has_ended(
    client: Client,
) -> None:
    order = order_of(client)
    assert 'hx-trigger="every 1s"' in client.get(page_of(order)).content.decode()
    address = poll_of(client, order)
    run = take_up(order).until_rest()
    assert 'hx-trigger="every 3s"' in client.get(address).content.decode()
    run.send("shipping.dispatched", DISPATCHED).until_rest()
    for again in (address, f"{page_of(order)}progress/?seen=nonsense&choices=x"):
        ended = client.get(again)
        assert ended.status_code == 286
        assert "hx-get" not in ended.content.decode()
    assert "hx-get" not in client.get(page_of(order)).content.decode()


def test_without_javascript_there_is_a_link_to_look_again(client: Client) -> None:
    order = order_of(client)
    link = f'<noscript><p><a class="button" href="{page_of(order)}">Refresh</a></p></noscript>'
    assert link in client.get(page_of(order)).content.decode()


def test_a_poll_costs_at_most_five_queries_however_far_the_order_is(
    client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    order = order_of(client)
    for move in (lambda: None, lambda: take_up(order, reject_at="payments.capture").until_rest()):
        move()
        with django_assert_max_num_queries(5):
            client.get(f"{page_of(order)}progress/")


@pytest.mark.parametrize("reject_at", [(), "payments.capture"])
def test_no_script_and_no_style_stands_in_the_page(client: Client, reject_at: str) -> None:
    order = order_of(client)
    take_up(order, reject_at=reject_at).until_rest()
    for address in (page_of(order), f"{page_of(order)}progress/", "/demo/"):
        page = client.get(address).content.decode()
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", page), address
