"""The checkout: what a well-formed order becomes, and what is said of one that is not."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from orchestration.models import Saga
from orders.models import Order, Product
from payments.cards import CARDS
from tests.orders.conftest import nothing_is_stored
from tests.orders.storefront.browsing import ADA, Browser, error_of, value_of, words


def test_a_basket_becomes_an_order_with_a_saga(browser: Browser) -> None:
    browser.add("NW-01", 2)
    browser.add("NW-31", 1)
    response = browser.place(card="card_slow", region="  Greater London ")

    order = Order.objects.get()
    assert (response.status_code, response["Location"]) == (302, f"/orders/{order.id}/")
    assert (order.customer_name, order.email, order.card) == ("Ada Lovelace", "ada@example.com", "card_slow")
    assert (order.total_minor, order.currency) == (4850, "USD")
    assert order.ship_to == {
        "name": "Ada Lovelace",
        "line1": "12 St James Square",
        "postal_code": "SW1Y 4JH",
        "city": "London",
        "region": "Greater London",
        "country": "UK",
    }
    assert list(order.lines.values_list("sku", "quantity")) == [("NW-01", 2), ("NW-31", 1)]
    assert order.placed_by.startswith("browser:")
    assert Saga.objects.filter(business_key=str(order.id)).count() == 1
    assert "nothing in it yet" in browser.read("/basket/")


def test_every_test_card_is_explained_and_the_one_that_pays_is_chosen(browser: Browser) -> None:
    browser.add("NW-01")
    page = browser.client.get("/checkout/").content.decode()
    said = words(browser.client.get("/checkout/"))

    for card in CARDS.values():
        assert f"{card.sentence} {card.name}" in said
    assert page.count('type="radio"') == len(CARDS)
    assert page.count("checked") == 1
    assert 'value="card_ok" id="id_card_0" required checked' in " ".join(page.split())


MISSING = {
    "name": "Enter your name.",
    "email": "Enter your e-mail address.",
    "line1": "Enter the street and number.",
    "city": "Enter the city.",
    "country": "Enter the country.",
}


@pytest.mark.parametrize("blank", ["", "   "])
def test_whatever_is_missing_is_said_beside_its_field(browser: Browser, blank: str) -> None:
    browser.add("NW-01")
    response = browser.place(**dict.fromkeys(MISSING, blank))

    assert response.status_code == 200
    assert {field: error_of(response, f"id_{field}") for field in MISSING} == MISSING
    assert error_of(response, "id_postal_code") == ""
    assert "Your order has not been placed yet" in words(response)
    assert nothing_is_stored()


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("email", "nobody", "E-mail must be an e-mail address such as ana@example.com."),
        ("email", "a@b", "E-mail must be an e-mail address such as ana@example.com."),
        ("email", "x" * 300 + "@example.com", "E-mail must be an e-mail address"),
        ("name", "x" * 201, "Name must be text of 1 to 200 characters"),
        ("name", "A\x07da", "Name must be text of 1 to 200 characters without control characters."),
        ("name", "Ada\r\nBcc: eve@example.com", "Name must be text of 1 to 200 characters without control"),
        ("line1", "x" * 201, "Street and number must be text of 1 to 200 characters"),
        ("city", "x" * 101, "City must be text of 1 to 100 characters"),
        ("region", "x" * 101, "Region or state must be text of at most 100 characters"),
        ("postal_code", "x" * 101, "Postal code must be text of at most 100 characters"),
        ("country", "x" * 100_000, "Country must be text of 1 to 100 characters"),
    ],
)
def test_a_wrong_field_is_told_and_what_was_typed_is_kept(
    browser: Browser, field: str, typed: str, said: str
) -> None:
    browser.add("NW-01")
    response = browser.place(**{field: typed, "card": "card_declined"})

    assert error_of(response, f"id_{field}").startswith(said)
    kept = {name: value_of(response, name) for name in ADA if name != "card"}
    assert {**kept, "card": "card_ok"} == {**ADA, field: typed}
    assert 'value="card_declined" id="id_card_1" required checked' in " ".join(
        response.content.decode().split()
    )
    assert f'<a href="#id_{field}">' in response.content.decode()
    assert nothing_is_stored()
    assert "Total 18.00 USD" in browser.read("/basket/")


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ("", "Choose a card."),
        ("4242424242424242", "Choose one of these cards."),
        ("card_of_mine", "Choose one of these cards."),
    ],
)
def test_only_the_cards_on_offer_are_taken(browser: Browser, card: str, said: str) -> None:
    browser.add("NW-01")
    response = browser.place(card=card)
    assert said in words(response)
    assert "4242" not in words(response)
    assert nothing_is_stored()


def test_what_is_typed_is_shown_as_text(browser: Browser) -> None:
    browser.add("NW-01")
    response = browser.place(name='"><script>alert(1)</script>', email="x")
    assert "<script>alert" not in response.content.decode()
    assert value_of(response, "name") == '"><script>alert(1)</script>'


@pytest.mark.parametrize("method", ["get", "post"])
def test_an_empty_basket_cannot_be_checked_out(browser: Browser, method: str) -> None:
    response = getattr(browser.client, method)("/checkout/", ADA if method == "post" else None, follow=True)
    assert response.redirect_chain == [("/basket/", 302)]
    assert "There is nothing in it yet" in words(response)
    assert nothing_is_stored()


def test_a_price_that_changed_since_the_page_was_opened_is_shown_before_anything_is_ordered(
    browser: Browser,
) -> None:
    browser.add("NW-01", 2)
    typed = browser.open_checkout(name="Grace Hopper")
    Product.objects.filter(sku="NW-01").update(price_minor=9900)
    response = browser.client.post("/checkout/", typed)

    assert "a price has changed since you opened this page" in words(response)
    assert "Total 198.00 USD" in words(response)
    assert value_of(response, "name") == "Grace Hopper"
    assert nothing_is_stored()


def test_what_another_tab_added_is_shown_before_anything_is_ordered(browser: Browser) -> None:
    browser.add("NW-01", 2)
    typed = browser.open_checkout()
    browser.add("NW-11", 1)
    response = browser.client.post("/checkout/", typed)

    assert "Your basket or a price has changed" in words(response)
    assert "1 × Queso Cabrales" in words(response)
    assert nothing_is_stored()


def test_the_address_of_the_latest_order_is_filled_in(browser: Browser) -> None:
    browser.add("NW-01")
    browser.place(city="Paris", region="Île-de-France")
    browser.add("NW-01")
    page = browser.client.get("/checkout/")
    assert [value_of(page, field) for field in ("name", "city", "region")] == [
        "Ada Lovelace",
        "Paris",
        "Île-de-France",
    ]


def test_another_browser_sees_none_of_it(browser: Browser) -> None:
    browser.add("NW-01")
    browser.place()
    other = Browser(Client())
    other.add("NW-01")
    assert value_of(other.client.get("/checkout/"), "name") == ""


@pytest.mark.parametrize("demo", [True, False])
def test_the_example_customer_is_offered_in_the_demo_only(
    browser: Browser, settings: Settings, demo: bool
) -> None:
    settings.ORDERLY_DEMO = demo
    browser.add("NW-01")
    assert ("Fill in an example customer" in browser.read("/checkout/")) is demo
    name = value_of(browser.client.get("/checkout/?example=1"), "name")
    assert name == ("Ada Lovelace" if demo else "")


def test_personal_pages_are_stored_nowhere(browser: Browser) -> None:
    browser.add("NW-01")
    for address in ("/basket/", "/checkout/", "/orders/"):
        assert "no-store" in browser.client.get(address)["Cache-Control"], address


def test_the_number_of_queries_does_not_grow_with_the_basket(browser: Browser) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            browser.read("/checkout/")
        return len(captured)

    browser.add("NW-01")
    browser.read("/checkout/")
    few = queries()
    for sku in ("NW-11", "NW-31", "NW-42"):
        browser.add(sku)
    assert queries() == few <= 6


def test_placing_needs_the_forms_own_token(browser: Browser) -> None:
    strict = Browser(Client(enforce_csrf_checks=True))
    strict.client.cookies = browser.client.cookies
    assert strict.client.post("/checkout/", ADA).status_code == 403
    assert nothing_is_stored()
