"""The demo corner: closed where it is not wanted, and real orders where it is."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from pytest_django import Settings

from config.system.demo import kill_a_worker
from orders.models import Order
from orders.storefront.demo_worker import KilledWorker, KillRefused
from shipping.models import Stock
from tests.orders.fulfilment import on_hand
from tests.orders.storefront.browsing import words
from tests.orders.storefront.moving import customer_of, order_of, take_up

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shelf")]

POSTS = ["/demo/order/shipped/", "/demo/restock/", "/demo/kill-worker/"]


def killed(order_id: UUID) -> KilledWorker:
    """Stands for the project's killer."""
    return KilledWorker(name="worker7", pid=4711, step="payments.authorize")


def refused(order_id: UUID) -> KilledWorker:
    """A project that kills nobody."""
    raise KillRefused("Nobody may be killed here.")


def press(client: Client, address: str, **form: Any) -> Any:
    return client.post(address, form, follow=True)


def test_where_the_corner_is_closed_none_of_its_addresses_exists(client: Client, settings: Settings) -> None:
    settings.ORDERLY_DEMO = False
    order = order_of(client)
    assert client.get("/demo/").status_code == 404
    for address in POSTS:
        assert client.post(address, {"order": str(order.id)}).status_code == 404, address
        assert client.get(address).status_code == 404, address
    assert Order.objects.count() == 1
    said = words(client.get(f"/orders/{order.id}/"))
    assert "Behind the scenes" not in said
    assert "Kill a worker" not in said


def test_what_changes_something_is_only_done_by_a_form(client: Client) -> None:
    for address in POSTS:
        assert client.get(address)["Location"] == "/demo/"
    assert client.post("/demo/order/stolen/").status_code == 404
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("ending", "card"),
    [
        ("shipped", "card_ok"),
        ("undone", "card_capture_declined"),
        ("declined", "card_declined"),
        ("back-ordered", "card_ok"),
    ],
)
def test_each_ending_is_a_real_order_of_this_browser(client: Client, ending: str, card: str) -> None:
    response = press(client, f"/demo/order/{ending}/")
    order = Order.objects.get()
    assert response.redirect_chain == [(f"/orders/{order.id}/", 302)]
    assert (order.card, order.customer_name, order.placed_by) == (card, "Ada Lovelace", customer_of(client))
    run = take_up(order).until_rest()
    assert ("shipping.create_label" in run.done) is (ending != "back-ordered")
    assert order.reference in words(client.get("/demo/"))


def test_a_back_order_is_for_one_unit_too_many_of_what_is_still_made_and_a_restock_lets_it_go_on(
    client: Client,
) -> None:
    press(client, "/demo/order/back-ordered/")
    order = Order.objects.get()
    line = order.lines.get()
    assert (line.sku, line.quantity) == ("NW-31", 1)
    run = take_up(order).until_rest()
    assert "Restock" in words(client.get(f"/orders/{order.id}/"))
    response = press(client, "/demo/restock/", order=str(order.id))
    assert response.redirect_chain == [(f"/orders/{order.id}/", 302)]
    assert "1 waiting order has got their stock." in words(response)
    run.until(lambda run: "shipping.create_label" in run.done)
    # The shelf was empty, so ten came; the order took one of them.
    assert on_hand("NW-31") == 9


def test_a_restock_leads_to_the_corner_unless_it_names_an_order_of_this_browser(client: Client) -> None:
    theirs = order_of(Client())
    for named in ({}, {"order": "nonsense"}, {"order": str(theirs.id)}):
        assert press(client, "/demo/restock/", **named).redirect_chain == [("/demo/", 302)]


def test_with_empty_shelves_it_says_what_to_do_and_places_nothing(client: Client) -> None:
    Stock.objects.update(initial=0, on_hand=0)
    response = press(client, "/demo/order/shipped/")
    assert response.redirect_chain == [("/demo/", 302)]
    assert "Every shelf is empty. Press Restock, then try again." in words(response)
    assert not Order.objects.exists()


def test_a_killed_worker_is_named_on_the_page_of_its_order(client: Client, settings: Settings) -> None:
    settings.ORDERLY_DEMO_KILL_WORKER = f"{__name__}.killed"
    said = words(press(client, "/demo/kill-worker/"))
    order = Order.objects.get()
    assert order.card == "card_slow"
    assert "worker7 (process 4711) was killed" in said
    assert "another worker takes over" in said
    take_up(order).until_rest()
    assert "Another worker has taken the step over" in words(client.get(f"/orders/{order.id}/"))
    assert "worker7" not in words(client.get(f"/orders/{order_of(client).id}/"))


def test_a_slow_order_that_is_named_is_used_and_any_other_gets_a_new_one(
    client: Client, settings: Settings
) -> None:
    settings.ORDERLY_DEMO_KILL_WORKER = f"{__name__}.killed"
    slow, quick, theirs = (
        order_of(client, card="card_slow"),
        order_of(client),
        order_of(Client(), card="card_slow"),
    )
    assert press(client, "/demo/kill-worker/", order=str(slow.id)).redirect_chain == [
        (f"/orders/{slow.id}/", 302)
    ]
    assert Order.objects.count() == 3
    for other in (quick, theirs):
        press(client, "/demo/kill-worker/", order=str(other.id))
    assert Order.objects.count() == 5


@pytest.mark.parametrize("killer", [f"{__name__}.refused", "", "config.system.demo.kill_a_worker"])
def test_where_nobody_may_be_killed_it_says_why_and_the_order_goes_on(
    client: Client, settings: Settings, killer: str
) -> None:
    settings.ORDERLY_DEMO_KILL_WORKER = killer
    response = press(client, "/demo/kill-worker/")
    order = Order.objects.get()
    assert response.redirect_chain == [(f"/orders/{order.id}/", 302)]
    assert "killed" in words(response)
    assert "SIGKILL" not in words(response)


def test_a_system_that_up_did_not_start_keeps_its_workers(client: Client) -> None:
    with pytest.raises(KillRefused, match=r"not started with `python3 manage\.py up`"):
        kill_a_worker(order_of(client).id)
