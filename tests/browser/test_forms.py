"""Bad input in the shop's forms: it is said beside the field, what was typed stays, and nothing is written."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.shopping import DELIVERY, delivery_field, fill_checkout, placed_order, put_in_basket

pytestmark = pytest.mark.browser

SAY_QUANTITY = "Enter a whole number from 1 to 10,000."


def assert_refused(field: Locator, typed: str, said: str) -> None:
    """The field keeps what was typed, is marked, and the message that belongs to it has these words."""
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile(re.escape(said)))
    expect(field).to_have_value(typed)


@pytest.mark.parametrize(
    ("label", "typed", "said"),
    [
        ("E-mail", "ada at example", "E-mail"),
        ("Name", "", "Enter your name."),
        ("Country", "", "Enter the country."),
        ("City", "x" * 300, "City"),
    ],
    ids=["e-mail", "name", "country", "city"],
)
def test_the_checkout_keeps_what_was_typed_and_says_what_is_wrong_beside_the_field(
    page: Page, label: str, typed: str, said: str
) -> None:
    put_in_basket(page, "NW-76")
    fill_checkout(page, card="card_slow")
    delivery_field(page, label).fill(typed)
    page.get_by_role("button", name="Place order").click()
    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    assert_refused(delivery_field(page, label), typed, said)
    for each, text in DELIVERY.items():
        expect(delivery_field(page, each)).to_have_value(typed if each == label else text)
    expect(page.get_by_role("radio", name="card_slow")).to_be_checked()
    summary.get_by_role("link").click()
    expect(delivery_field(page, label)).to_be_focused()

    delivery_field(page, label).fill(DELIVERY[label])
    page.get_by_role("button", name="Place order").click()
    placed_order(page)
    page.goto("/orders/")
    expect(page.get_by_role("main").get_by_role("link", name="OR-")).to_have_count(1)


@pytest.mark.parametrize("typed", ["0", "-3", "", "a dozen", "10001", "1.5", "9" * 40])
def test_a_product_page_refuses_a_quantity(page: Page, typed: str) -> None:
    page.goto("/products/NW-76/")
    page.get_by_label("Quantity").fill(typed)
    page.get_by_role("button", name="Add to basket").click()
    assert_refused(page.get_by_label("Quantity"), typed, SAY_QUANTITY)
    page.goto("/basket/")
    expect(page.get_by_role("main")).to_contain_text("nothing in it yet")


@pytest.mark.parametrize("typed", ["-1", "many", "10001"])
def test_the_basket_refuses_a_quantity_and_stays_as_it_was(page: Page, typed: str) -> None:
    put_in_basket(page, "NW-76", 2)
    page.goto("/basket/")
    page.get_by_label("Quantity").fill(typed)
    page.get_by_role("button", name="Update").click()
    assert_refused(page.get_by_label("Quantity"), typed, SAY_QUANTITY)
    page.goto("/basket/")
    expect(page.get_by_label("Quantity")).to_have_value("2")
