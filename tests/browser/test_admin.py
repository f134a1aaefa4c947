"""The admin in a browser: a declined order's saga is found by e-mail, and says why; looking breaks no rule of the page."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.conftest import World
from tests.browser.conftest import NewVisitor
from tests.browser.shopping import place_order
from tests.browser.stage import sign_in

pytestmark = pytest.mark.browser


@pytest.fixture
def operator(new_visitor: NewVisitor, world: World) -> Page:
    page = new_visitor()
    sign_in(page, world.folder)
    return page


def test_the_saga_of_a_declined_order_is_found_by_e_mail_and_says_why(page: Page, operator: Page) -> None:
    place_order(page, "NW-40", card="card_insufficient_funds", email="ida@example.org")
    expect(page.get_by_role("main")).to_contain_text("Order cancelled")
    operator.get_by_role("link", name="Sagas").first.click()
    operator.get_by_role("search").get_by_role("textbox").fill("ida@example.org")
    operator.keyboard.press("Enter")
    found = operator.get_by_role("row").filter(has_text="OR-")
    expect(found).to_have_count(1)
    found.get_by_role("link").first.click()
    expect(operator.get_by_text("insufficient_funds").first).to_be_visible()


def test_an_order_of_the_shop_leads_to_its_saga_and_back(page: Page, operator: Page) -> None:
    order = place_order(page, "NW-46")
    expect(page.get_by_role("main")).to_contain_text("Order shipped")
    operator.goto(f"/admin/orders/order/{order}/change/")
    operator.get_by_role("navigation", name="Beside it").get_by_role("link", name="Saga").click()
    expect(operator.get_by_text("payments.capture").first).to_be_visible()


def test_a_wrong_password_is_refused_in_words(page: Page) -> None:
    page.goto("/admin/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill("not this one")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("Please enter the correct username and password")).to_be_visible()
