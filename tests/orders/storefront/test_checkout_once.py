"""However often and from wherever "Place order" is pressed: one order."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections
from django.test import Client

from orders.models import IdempotencyKey, Order
from orders.services.idempotency import Answer, answer_once
from orders.storefront import place_once
from tests.orders.conftest import nothing_is_stored
from tests.orders.storefront.browsing import Browser, words


class Failed(Exception):
    """The request elsewhere came to nothing."""


ALREADY = "You had placed this order already, so nothing was ordered a second time."


def page_of(order: Order) -> str:
    return f"/orders/{order.id}/"


def test_pressing_twice_gives_one_order_and_leads_to_it_both_times(browser: Browser) -> None:
    browser.add("NW-01", 2)
    typed = browser.open_checkout()
    answers = [browser.client.post("/checkout/", typed) for _ in range(3)]

    order = Order.objects.get()
    assert [answer["Location"] for answer in answers] == [page_of(order)] * 3
    assert ALREADY not in browser.read("/basket/")


def test_a_second_tab_with_other_content_leads_to_the_order_and_says_so(browser: Browser) -> None:
    browser.add("NW-01", 2)
    first, second = browser.open_checkout(), browser.open_checkout(name="Grace Hopper")
    browser.client.post("/checkout/", first)
    answer = browser.client.post("/checkout/", second)

    order = Order.objects.get()
    assert order.customer_name == "Ada Lovelace"
    assert answer["Location"] == page_of(order)
    assert ALREADY in browser.read("/basket/")


def test_the_old_page_of_an_order_placed_spares_the_basket_filled_since(browser: Browser) -> None:
    browser.add("NW-01", 2)
    typed = browser.open_checkout()
    browser.client.post("/checkout/", typed)
    browser.add("NW-11", 1)
    answer = browser.client.post("/checkout/", typed)

    assert answer["Location"] == page_of(Order.objects.get())
    assert "Queso Cabrales" in browser.read("/basket/")


def test_the_old_page_of_an_order_placed_spares_the_same_things_put_in_again(browser: Browser) -> None:
    browser.add("NW-01", 2)
    typed = browser.open_checkout()
    browser.client.post("/checkout/", typed)
    browser.add("NW-01", 2)
    browser.open_checkout()
    browser.client.post("/checkout/", typed)

    assert Order.objects.count() == 1
    assert "Total 36.00 USD" in browser.read("/basket/")


def test_the_same_things_can_be_ordered_again_on_purpose(browser: Browser) -> None:
    for _ in range(2):
        browser.add("NW-01", 2)
        browser.place()
    assert Order.objects.count() == 2


@pytest.mark.parametrize("key", ["", "rubbish", "x" * 5000, "00000000-0000-4000-8000-000000000000"])
def test_a_key_that_is_not_the_sessions_own_orders_nothing(browser: Browser, key: str) -> None:
    browser.add("NW-01")
    typed = {**browser.open_checkout(), "checkout_key": key}
    assert "Check the summary, then place the order." in words(browser.client.post("/checkout/", typed))
    assert nothing_is_stored()


def test_a_wrong_order_may_be_corrected_with_the_same_key(browser: Browser) -> None:
    browser.add("NW-01")
    typed = browser.open_checkout(email="nobody")
    browser.client.post("/checkout/", typed)
    answer = browser.client.post("/checkout/", {**typed, "email": "ada@example.com"})
    assert answer["Location"] == page_of(Order.objects.get())


def test_when_the_answer_got_lost_with_the_session_the_basket_leads_to_its_order(browser: Browser) -> None:
    browser.add("NW-01", 2)
    before = dict(browser.client.session.items()) | {"checkout_key": browser.open_checkout()["checkout_key"]}
    browser.place()
    session = browser.client.session
    session.update(before)
    session.save()

    assert browser.client.get("/checkout/")["Location"] == page_of(Order.objects.get())
    said = browser.read("/basket/")
    assert ALREADY in said
    assert "nothing in it yet" in said


def test_anothers_key_is_of_no_use(browser: Browser) -> None:
    browser.add("NW-01")
    typed = browser.open_checkout()
    browser.client.post("/checkout/", typed)
    other = Browser(Client())
    other.add("NW-01")
    answer = other.client.post("/checkout/", {**other.open_checkout(), "checkout_key": typed["checkout_key"]})

    assert answer.status_code == 200
    assert Order.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_double_click_at_the_same_moment_is_one_order(browser: Browser) -> None:
    browser.add("NW-01", 2)
    typed = browser.open_checkout()
    together = threading.Barrier(4)

    def click(_: int) -> str:
        client = Client()
        client.cookies = browser.client.cookies
        together.wait(timeout=30)
        try:
            return client.post("/checkout/", typed)["Location"]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as clicks:
        places = list(clicks.map(click, range(4)))
    assert places == [page_of(Order.objects.get())] * 4


@pytest.mark.django_db(transaction=True)
def test_an_order_that_takes_long_elsewhere_leads_to_my_orders(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place_once, "LONGEST_WAIT", 0.1)
    browser.add("NW-01", 2)
    typed = browser.open_checkout()
    customer = f"browser:{browser.client.session['customer']}"
    holding, release = threading.Event(), threading.Event()

    def act() -> Answer:
        holding.set()
        release.wait(timeout=30)
        raise Failed

    def hold() -> None:
        with pytest.raises(Failed):
            answer_once(principal=customer, key=typed["checkout_key"], request_hash="h", act=act)
        connection.close()

    elsewhere = threading.Thread(target=hold)
    elsewhere.start()
    assert holding.wait(timeout=30)
    answer = browser.client.post("/checkout/", typed, follow=True)
    release.set()
    elsewhere.join()

    assert answer.redirect_chain == [("/orders/", 302)]
    assert "Your order is being placed at this moment." in words(answer)
    assert not Order.objects.exists()
    assert not IdempotencyKey.objects.exists()
    assert browser.client.post("/checkout/", typed)["Location"] == page_of(Order.objects.get())
