"""What a customer does in the shop, found by role and name as a person or a screen reader finds it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from uuid import UUID

from playwright.sync_api import Locator, Page, expect

ORDER_PAGE = re.compile(r"/orders/([0-9a-f-]{36})/$")

DELIVERY = {
    "Name": "Ada Lovelace",
    "E-mail": "ada@example.com",
    "Street and number": "12 St James Square",
    "City": "London",
    "Postal code": "SW1Y 4JH",
    "Country": "UK",
}
"""Labels of the checkout, and what is typed there."""


def put_in_basket(page: Page, sku: str, quantity: int = 1) -> None:
    """Open a product's page and put some of it in the basket."""
    page.goto(f"/products/{sku}/")
    page.get_by_label("Quantity").fill(str(quantity))
    page.get_by_role("button", name="Add to basket").click()
    expect(page.get_by_role("status")).to_be_visible()


def fill_checkout(page: Page, *, card: str = "card_ok", typed: Mapping[str, str] = DELIVERY) -> None:
    """Open the checkout and fill it in; `typed` by label."""
    page.goto("/checkout/")
    for label, text in typed.items():
        delivery_field(page, label).fill(text)
    page.get_by_role("radio", name=card).check()


def delivery_field(page: Page, label: str) -> Locator:
    """A field of the checkout."""
    return page.get_by_role("main").get_by_role("textbox", name=label)


def place_order(
    page: Page, sku: str, quantity: int = 1, *, card: str = "card_ok", email: str = "ada@example.com"
) -> UUID:
    """Order one product; the page is then the order's own."""
    put_in_basket(page, sku, quantity)
    fill_checkout(page, card=card, typed={**DELIVERY, "E-mail": email})
    page.get_by_role("button", name="Place order").click()
    return placed_order(page)


def placed_order(page: Page) -> UUID:
    """The order whose page is open, or about to be."""
    expect(page).to_have_url(ORDER_PAGE)
    found = ORDER_PAGE.search(page.url)
    assert found
    return UUID(found[1])
