"""Who works by keyboard: one key leads to the content of each page, and a button that was pressed keeps the focus."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.conftest import World
from tests.browser.shopping import put_in_basket
from tests.browser.stage import sign_in

pytestmark = pytest.mark.browser

SHOP = ("/", "/products/NW-12/", "/basket/", "/orders/", "/demo/")
ADMIN = ("/admin/", "/admin/orders/order/", "/admin/shipping/stock/restock/", "/admin/auth/user/1/change/")


def assert_one_key_leads_to_the_content(page: Page, path: str) -> None:
    """The first link of a page leads into its main part; what Tab reaches next stands in there."""
    page.goto(path)
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main, footer') !== null"), path


@pytest.mark.parametrize("path", SHOP)
def test_in_the_shop_one_key_leads_to_the_content(page: Page, path: str) -> None:
    assert_one_key_leads_to_the_content(page, path)


def test_in_the_admin_one_key_leads_to_the_content(page: Page, world: World) -> None:
    sign_in(page, world.folder)
    for path in ADMIN:
        assert_one_key_leads_to_the_content(page, path)


def test_add_keeps_the_focus_so_that_one_goes_on_from_there(page: Page) -> None:
    page.goto("/?q=chef")
    for name in ("Chef Anton's Cajun Seasoning", "Chef Anton's Cajun Seasoning"):
        add = page.get_by_role("button", name=f"Add {name} to the basket")
        add.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("added to your basket")
        expect(add).to_be_focused()
        expect(add).to_be_in_viewport()
    expect(page.get_by_role("main")).to_contain_text("2 in your basket")


def test_the_basket_keeps_the_focus_too(page: Page) -> None:
    put_in_basket(page, "NW-12", 2)
    put_in_basket(page, "NW-76", 1)
    page.goto("/basket/")
    page.get_by_label("Quantity").last.fill("3")
    update = page.get_by_role("button", name="Update").last
    update.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("now 3")
    expect(update).to_be_focused()
    page.get_by_role("button", name="Remove").last.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("removed")
    expect(page.get_by_role("main")).to_be_focused()
