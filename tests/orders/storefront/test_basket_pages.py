"""The basket: putting in, changing, and everything that can be in the way of an order."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orders.models import Product
from orders.services.requests import MOST_LINES
from tests.orders.storefront.browsing import Browser, error_of, value_of, words

SAY_QUANTITY = "Enter a whole number from 1 to 10,000."


def put(browser: Browser, stored: Any) -> None:
    """Have this in the session, whatever it is."""
    session = browser.client.session
    session["basket"] = stored
    session.save()


def test_what_is_added_is_in_the_basket_with_its_price(browser: Browser) -> None:
    browser.add("NW-01", 2)
    said = words(browser.add("NW-01", 3))

    assert "3 × Chai added to your basket." in said
    assert "18.00 USD each" in said
    assert "Total 90.00 USD" in said
    assert "Basket 5 units" in said


def test_adding_from_the_catalog_leads_back_to_where_one_was(browser: Browser) -> None:
    response = browser.client.post("/basket/add/", {"sku": "NW-01", "next": "/?q=cha#product-1"})
    assert response["Location"] == "/?q=cha#product-1"


@pytest.mark.parametrize("address", ["?q=chai", "rubbish"])
def test_a_way_back_that_looks_like_a_name_is_followed_as_an_address(browser: Browser, address: str) -> None:
    assert browser.client.post("/basket/add/", {"sku": "NW-01", "next": address})["Location"] == address


@pytest.mark.parametrize(
    "address", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "\\\\x"]
)
def test_it_never_leads_to_another_site(browser: Browser, address: str) -> None:
    response = browser.client.post("/basket/add/", {"sku": "NW-01", "next": address})
    assert response["Location"] == "/basket/"


WRONG = ["0", "-1", "10001", "9" * 400, "1.5", "1e3", "two", "", " ", "+1", "٣", "²", "<b>"]


@pytest.mark.parametrize("typed", WRONG)
def test_a_wrong_quantity_is_shown_beside_its_field_and_nothing_is_added(
    browser: Browser, typed: str
) -> None:
    response = browser.add("NW-01", typed)

    assert response.status_code == 200
    assert error_of(response, "quantity") == SAY_QUANTITY
    assert value_of(response, "quantity") == typed
    assert "nothing in it yet" in browser.read("/basket/")


@pytest.mark.parametrize("typed", [typed for typed in WRONG if typed != "0"])
def test_a_wrong_change_is_shown_beside_its_field_and_changes_nothing(browser: Browser, typed: str) -> None:
    browser.add("NW-11", 1)
    browser.add("NW-01", 2)
    response = browser.change("NW-01", typed)

    assert error_of(response, "quantity-2") == SAY_QUANTITY
    assert error_of(response, "quantity-1") == ""
    assert "Total 57.00 USD" in browser.read("/basket/")


def test_a_quantity_is_changed_and_zero_removes(browser: Browser) -> None:
    browser.add("NW-01", 2)
    assert "Total 126.00 USD" in words(browser.change("NW-01", " 7 "))
    assert "Chai removed from your basket." in words(browser.change("NW-01", "0"))
    assert "nothing in it yet" in browser.read("/basket/")


def test_removing_needs_no_quantity(browser: Browser) -> None:
    browser.add("NW-01", 2)
    assert "Chai removed" in words(browser.change("NW-01", "rubbish", remove="1"))


def test_what_another_tab_removed_is_said(browser: Browser) -> None:
    assert "no longer in your basket" in words(browser.change("NW-01", 2))


@pytest.mark.parametrize("sku", ["NW-99", "", "x" * 5000])
def test_an_unknown_product_is_not_added(browser: Browser, sku: str) -> None:
    assert "not in our catalog" in words(browser.add(sku))
    assert "nothing in it yet" in browser.read("/basket/")


def test_together_no_more_than_an_order_may_hold(browser: Browser) -> None:
    browser.add("NW-01", 9_999)
    response = browser.add("NW-01", 2)
    assert error_of(response, "quantity") == (
        "An order may hold 10,000 of one product. You have 9,999 in your basket already."
    )


def test_sold_out_and_discontinued_is_refused_with_the_reason(browser: Browser) -> None:
    response = browser.add("NW-05")
    assert "no more are made: an order for it would be cancelled" in error_of(response, "quantity")


def test_more_than_the_last_ones_is_refused_with_their_number(browser: Browser) -> None:
    assert "Only 26 left" in error_of(browser.add("NW-42", 27), "quantity")
    browser.add("NW-42", 26)
    assert "Only 26 left" in error_of(browser.change("NW-42", 27), "quantity-1")


def test_what_is_out_of_stock_can_be_ordered_and_says_that_it_waits(browser: Browser) -> None:
    browser.add("NW-31", 1)
    said = words(browser.add("NW-11", 4))
    assert "Out of stock: your order waits for the delivery" in said
    assert "Only 3 in stock: your order waits for the delivery" in said
    assert "Check out" in said


def test_a_price_that_changed_is_told(browser: Browser) -> None:
    browser.add("NW-01", 2)
    Product.objects.filter(sku="NW-01").update(price_minor=2000)
    said = browser.read("/basket/")
    assert "The price has changed from 18.00 USD to 20.00 USD." in said
    assert "Total 40.00 USD" in said


def test_a_product_that_left_the_catalog_keeps_the_basket_from_being_ordered(browser: Browser) -> None:
    browser.add("NW-01")
    browser.add("NW-11")
    Product.objects.filter(sku="NW-01").delete()

    assert "We no longer sell this. Please remove it." in browser.read("/basket/")
    assert browser.client.get("/checkout/")["Location"] == "/basket/"
    browser.change("NW-01", remove="1")
    assert "Check out" in browser.read("/basket/")


def test_the_last_ones_bought_by_others_meanwhile_keep_it_from_being_ordered(browser: Browser) -> None:
    put(browser, [["NW-42", 27, 1400], ["NW-05", 1, 2135]])
    said = browser.read("/basket/")
    assert "Only 26 left and no more are made. Please take 26 or fewer." in said
    assert "Sold out, and no more are made. Please remove it." in said
    assert browser.client.get("/checkout/")["Location"] == "/basket/"


def test_mixed_currencies_are_told_at_the_basket(browser: Browser) -> None:
    Product.objects.create(sku="JP-1", name="Tofu", price_minor=500, currency="JPY")
    browser.add("NW-01")
    said = words(browser.add("JP-1"))

    assert "These products are priced in JPY and USD. Order each currency on its own" in said
    assert "Check out" not in said
    assert browser.client.get("/checkout/")["Location"] == "/basket/"


def test_a_basket_of_free_things_says_that_there_is_nothing_to_pay(browser: Browser) -> None:
    Product.objects.create(sku="FREE", name="Leaflet", price_minor=0, currency="USD")
    assert "cost nothing together" in words(browser.add("FREE"))


def test_a_basket_holds_as_many_products_as_an_order_may(browser: Browser) -> None:
    extra = [Product(sku=f"T-{n}", name=f"T {n}", price_minor=1, currency="USD") for n in range(MOST_LINES)]
    Product.objects.bulk_create(extra)
    put(browser, [[product.sku, 1, 1] for product in extra])

    assert "at most 100 different products" in error_of(browser.add("NW-01"), "quantity")
    assert "2 × T 0 added" in words(browser.add("T-0", 2))
    assert "Chai" not in browser.read("/basket/")


@pytest.mark.parametrize(
    "stored",
    [
        None,
        "rubbish",
        7,
        {"NW-01": 2},
        [None, [], ["NW-01"], ["NW-01", "2", 1], ["NW-01", 0, 1], ["NW-01", -3, 1], ["NW-01", 2.5, 1]],
        [["", 1, 1], ["\0", 1, 1], [7, 1, 1], ["NW-01", 10_001, 1], ["NW-01", 10**30, 1], [["NW-01"], 1, 1]],
    ],
)
def test_rubbish_in_the_session_is_an_empty_basket(browser: Browser, stored: Any) -> None:
    put(browser, stored)
    assert "nothing in it yet" in browser.read("/basket/")
    assert "1 × Chai added" in words(browser.add("NW-01"))


def test_the_number_of_queries_does_not_grow_with_the_basket(browser: Browser) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            browser.read("/basket/")
        return len(captured)

    browser.add("NW-01")
    browser.read("/basket/")
    few = queries()
    Product.objects.bulk_create(
        Product(sku=f"T-{n}", name=f"T {n}", price_minor=1, currency="USD") for n in range(MOST_LINES)
    )
    put(browser, [[f"T-{n}", 1, 1] for n in range(MOST_LINES)])
    assert queries() == few <= 4
