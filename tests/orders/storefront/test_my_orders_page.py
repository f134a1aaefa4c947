"""My orders: this browser's, and nobody else's."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from orders.models import Order
from tests.orders.storefront.browsing import Browser
from tests.orders.storefront.moving import settings_cookie


def test_a_new_browser_has_none_and_is_given_no_session(browser: Browser) -> None:
    assert "No orders yet" in browser.read("/orders/")
    assert settings_cookie() not in browser.client.cookies


def test_orders_are_shown_newest_first_with_products_status_and_total(browser: Browser) -> None:
    browser.add("NW-01", 2)
    browser.place()
    for sku in ("NW-01", "NW-11", "NW-31", "NW-42"):
        browser.add(sku)
    browser.place()
    newest, oldest = Order.objects.order_by("-placed_at")
    said = browser.read("/orders/")

    assert said.index(newest.reference) < said.index(oldest.reference)
    assert "2 × Chai" in said
    assert "1 × Chai, 1 × Queso Cabrales, 1 × Gorgonzola and 1 more" in said
    assert "Received 36.00 USD" in said
    assert f'href="/orders/{newest.id}/"' in browser.client.get("/orders/").content.decode()


def test_another_browser_sees_none_of_them(browser: Browser) -> None:
    browser.add("NW-01")
    browser.place()
    assert "No orders yet" in Browser(Client()).read("/orders/")


@pytest.mark.parametrize("name", [None, 7, "", "rubbish", ["a"], "anonymous:127.0.0.1"])
def test_rubbish_in_the_session_is_a_new_customer(browser: Browser, name: Any) -> None:
    session = browser.client.session
    session["customer"] = name
    session.save()
    assert "No orders yet" in browser.read("/orders/")
    browser.add("NW-01")
    browser.place()
    assert Order.objects.get().placed_by.startswith("browser:")


def test_pages_and_queries_stay_the_same_size(browser: Browser) -> None:
    browser.add("NW-01")
    browser.place()
    first = Order.objects.get()

    def queries(address: str = "/orders/") -> int:
        with CaptureQueriesContext(connection) as captured:
            browser.read(address)
        return len(captured)

    few = queries()
    Order.objects.bulk_create(
        Order(
            reference=f"R-{n}",
            email="a@example.com",
            customer_name="A",
            ship_to=first.ship_to,
            card="card_ok",
            currency="USD",
            total_minor=1,
            content_hash="h",
            placed_by=first.placed_by,
        )
        for n in range(45)
    )
    assert queries() == few <= 5
    assert "Page 3 of 3" in browser.read("/orders/?page=3")
    assert "Page 3 of 3" in browser.read("/orders/?page=1000")
    assert "Page 1 of 3" in browser.read("/orders/?page=x")


def test_a_customers_orders_are_found_by_index(browser: Browser) -> None:
    browser.add("NW-01")
    browser.place()
    with CaptureQueriesContext(connection) as captured:
        browser.read("/orders/")
    asked = [query["sql"] for query in captured if 'FROM "orders_order"' in query["sql"]]
    assert asked
    with connection.cursor() as cursor:
        # With one row in it the planner would read the table whatever indexes there are.
        cursor.execute("SET LOCAL enable_seqscan = off")
        for sql in asked:
            cursor.execute(f"EXPLAIN {sql}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
            assert "order_by_customer" in plan or "order_reference_unique" in plan, (
                sql
            )  # both begin with the customer
