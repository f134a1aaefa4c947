"""Placing orders by clicking: shipped live, declined, by keyboard alone, without JavaScript, and never twice."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewVisitor
from tests.browser.shopping import DELIVERY, fill_checkout, place_order, placed_order, put_in_basket
from tests.browser.watching import Watch

pytestmark = pytest.mark.browser


def my_orders(page: Page) -> int:
    page.goto("/orders/")
    return page.get_by_role("main").get_by_role("link", name="OR-").count()


def test_an_order_is_placed_and_seen_shipped_without_a_reload(page: Page) -> None:
    page.goto("/")
    page.get_by_role("searchbox", name="Search products").fill("klosterbier")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Rhönbräu Klosterbier").click()
    page.get_by_role("button", name="Add to basket").click()
    page.get_by_role("navigation", name="Shop").get_by_role("link", name="Basket").click()
    page.get_by_role("link", name="Check out").click()
    fill_checkout(page)
    page.get_by_role("button", name="Place order").click()
    placed_order(page)
    # Gone with the document: it stays only while nothing navigates and nothing reloads.
    page.evaluate("window.neverLeft = true")
    expect(page.get_by_role("main")).to_contain_text("Order shipped")
    assert page.evaluate("window.neverLeft") is True


def test_a_declined_card_is_explained_on_the_order_page(page: Page) -> None:
    place_order(page, "NW-40", card="card_declined")
    main = page.get_by_role("main")
    expect(main).to_contain_text("Your card was declined.")
    expect(main).to_contain_text("Order cancelled")


def test_another_persons_order_does_not_exist(
    page: Page, new_visitor: NewVisitor, watches: list[Watch]
) -> None:
    order = place_order(page, "NW-75")
    stranger = new_visitor()
    watches[1].allow("status of 404")
    theirs = stranger.goto(f"/orders/{order}/")
    nobodys = stranger.goto("/orders/00000000-0000-4000-8000-000000000000/")
    assert theirs is not None
    assert nobodys is not None
    assert (theirs.status, nobodys.status) == (404, 404)
    expect(stranger.get_by_role("main")).not_to_contain_text("Klosterbier")


def test_an_order_is_placed_without_javascript(new_visitor: NewVisitor) -> None:
    page = new_visitor(java_script_enabled=False)
    place_order(page, "NW-75")
    main = page.get_by_role("main")
    for _ in range(600):
        if "Order shipped" in main.inner_text():
            break
        page.get_by_role("link", name="Refresh").click()
    expect(main).to_contain_text("Order shipped")


def test_an_order_is_placed_by_keyboard_alone(page: Page) -> None:
    page.goto("/products/NW-75/")
    reach(page, "button", "Add to basket")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_be_visible()
    reach(page, "link", "Basket")
    page.keyboard.press("Enter")
    reach(page, "link", "Check out")
    page.keyboard.press("Enter")
    reach(page, "textbox", "Name")
    for text in ("Ada Lovelace", "ada@example.com", "12 St James Square", "SW1Y 4JH", "London", "", "UK"):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    reach(page, "button", "Place order")
    page.keyboard.press("Enter")
    placed_order(page)
    expect(page.get_by_role("main")).to_contain_text("Order shipped")


def reach(page: Page, role: str, name: str) -> None:
    """Press Tab until the element has the focus, and see that the focus can be seen."""
    wanted = page.get_by_role(role, name=name).first  # type: ignore[arg-type] # a literal of seventy roles
    for _ in range(150):
        if wanted.evaluate("element => element === document.activeElement"):
            ring = wanted.evaluate(
                "element => getComputedStyle(element).outlineStyle + getComputedStyle(element).boxShadow"
            )
            assert ring != "nonenone", f"{name} shows no focus"
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never reaches {name}")


def test_a_double_click_places_one_order(page: Page) -> None:
    put_in_basket(page, "NW-75")
    fill_checkout(page)
    page.get_by_role("button", name="Place order").dblclick()
    placed_order(page)
    assert my_orders(page) == 1


def test_two_tabs_place_one_order(page: Page) -> None:
    put_in_basket(page, "NW-75")
    other = page.context.new_page()
    fill_checkout(page)
    fill_checkout(other, typed={**DELIVERY, "Name": "Ada King"})
    page.get_by_role("button", name="Place order").click()
    first = placed_order(page)
    other.get_by_role("button", name="Place order").click()
    assert placed_order(other) == first
    expect(other.get_by_role("status").first).to_contain_text("already")
    assert my_orders(page) == 1


def test_back_and_place_again_is_the_same_order(page: Page) -> None:
    put_in_basket(page, "NW-75")
    fill_checkout(page)
    page.get_by_role("button", name="Place order").click()
    first = placed_order(page)
    page.go_back()
    again = page.get_by_role("button", name="Place order")
    if again.count():
        again.click()
        assert placed_order(page) == first
    assert my_orders(page) == 1
