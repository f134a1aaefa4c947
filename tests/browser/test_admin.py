"""The admin in a browser: a declined order's saga is found by e-mail, and says why; looking breaks no rule of the page."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.conftest import World
from tests.bootstrap.running_system import manage
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


@pytest.mark.parametrize("width", [1280, 390, 360])
def test_nothing_of_a_saga_is_cut_off(page: Page, operator: Page, world: World, width: int) -> None:
    order = place_order(page, "NW-61", card="card_capture_declined")
    expect(page.get_by_role("main")).to_contain_text("Order cancelled")
    shown = manage("saga", "show", str(order), "--json", folder=world.folder)
    saga = json.loads(shown.stdout.strip().splitlines()[-1])["id"]
    operator.set_viewport_size({"width": width, "height": 900})
    operator.goto(f"/admin/orchestration/saga/{saga}/change/")
    expect(operator.get_by_role("cell", name="card_declined").first).to_be_visible()
    over = "[document.documentElement, ...document.querySelectorAll('.orchestration-scroll')].map(e => e.scrollWidth - e.clientWidth)"
    assert operator.evaluate(over) == [0, 0, 0]
    assert operator.evaluate(_DOT_BESIDE_ITS_TEXT) == []


_DOT_BESIDE_ITS_TEXT = """
[...document.querySelectorAll(".has-dot")].filter(cell => {
  const dot = cell.querySelector(".orchestration-dot").getBoundingClientRect(), said = document.createRange();
  said.selectNodeContents(cell); said.setStartAfter(cell.querySelector(".orchestration-dot"));
  const line = [...said.getClientRects()].find(rect => rect.width > 1);
  return !(line.top <= dot.top && dot.bottom <= line.bottom);
}).map(cell => cell.innerText)
"""
"""Cells of the history in which the dot does not stand on the first line of what it is the dot of."""
