"""Orders that do not go straight through: waiting for stock, restocked, cancelled, and one that loses its worker."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.conftest import World
from tests.browser.shopping import DELIVERY, fill_checkout, place_order, placed_order, put_in_basket

pytestmark = pytest.mark.browser


def test_a_back_order_waits_is_restocked_and_ships_before_ones_eyes(page: Page) -> None:
    place_order(page, "NW-21", 5)
    main = page.get_by_role("main")
    expect(main).to_contain_text("Waiting for stock")
    page.get_by_role("button", name="Restock").click()
    page.wait_for_load_state()
    page.evaluate("window.neverLeft = true")
    expect(main).to_contain_text("Order shipped")
    assert page.evaluate("window.neverLeft") is True


def test_a_waiting_order_is_cancelled_by_its_customer(page: Page) -> None:
    place_order(page, "NW-45", 9)
    main = page.get_by_role("main")
    expect(main).to_contain_text("Waiting for stock")
    cancel(page)
    expect(main).to_contain_text("Order cancelled")
    expect(main).to_contain_text("cancelled on request")
    expect(main).not_to_contain_text("being cancelled", ignore_case=True)


def test_a_shipped_order_says_why_it_cannot_be_cancelled(page: Page) -> None:
    place_order(page, "NW-46")
    main = page.get_by_role("main")
    expect(main).to_contain_text("Order shipped")
    expect(main.get_by_role("button", name="Cancel")).to_have_count(0)
    expect(main).to_contain_text("has been shipped, so it can no longer be cancelled")


def test_a_page_left_open_while_the_carrier_refuses_says_only_what_is_so(page: Page) -> None:
    put_in_basket(page, "NW-46")
    fill_checkout(page, typed={**DELIVERY, "Name": "Nowhere"})
    page.get_by_role("button", name="Place order").click()
    placed_order(page)
    main = page.get_by_role("main")
    expect(main).to_contain_text("Order cancelled")
    expect(main.get_by_text("Your money is back")).to_be_visible()
    expect(main).not_to_contain_text("is being handed over")
    expect(main).not_to_contain_text("Being cancelled")
    expect(main.get_by_role("button", name="Cancel")).to_have_count(0)


def cancel(page: Page) -> None:
    page.get_by_text("Cancel this order").click()
    page.get_by_role("button", name="Yes, cancel it").click()


@pytest.mark.parametrize(
    ("button", "ending"),
    [
        ("Place an order that ships", "Order shipped"),
        ("Place an order that has to wait", "Waiting for stock"),
        ("Place an order that is undone", "Order cancelled"),
        ("Place an order with a declined card", "Your card was declined."),
    ],
)
def test_each_ending_of_the_demo_is_one_click_away(page: Page, button: str, ending: str) -> None:
    page.goto("/demo/")
    page.get_by_role("button", name=button).click()
    placed_order(page)
    expect(page.get_by_role("main")).to_contain_text(ending)


def test_an_order_survives_the_worker_that_is_killed(page: Page, world: World) -> None:
    before = set(world.pids("worker"))
    page.goto("/demo/")
    page.get_by_role("button", name="Kill a worker now").click()
    placed_order(page)
    main = page.get_by_role("main")
    expect(main).to_contain_text("was killed")
    expect(main).to_contain_text("Order shipped")
    assert len(before - set(world.pids("worker"))) == 1
    world.assert_in_order()
