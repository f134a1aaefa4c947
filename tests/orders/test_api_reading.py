"""Reading and listing: who may see what, in which form, and in pages that new orders do not shift."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from orders.models import Order
from orders.status import OrderStatus
from tests.orders.conftest import TOKEN, Post, nothing_is_stored
from tests.orders.test_status_machine import make_order

pytestmark = pytest.mark.django_db
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def test_an_order_is_read_by_its_id_with_lines_and_saga_and_without_its_card(
    catalog: None, post: Post, order_json: dict[str, Any], client: Client
) -> None:
    placed = post(order_json).json()
    response = client.get(f"/api/orders/{placed['id']}")
    order = response.json()
    assert response.status_code == 200
    assert set(order) == {
        "id", "reference", "status", "status_text", "customer_name", "email", "total_minor", "currency", "placed_at",
        "href", "cancel_reason", "carrier", "required_by", "ship_to", "lines", "saga",
    }  # fmt: skip
    assert (order["status"], order["status_text"]) == ("placed", "Received")
    assert [(line["sku"], line["quantity"], line["line_total_minor"]) for line in order["lines"]] == [
        ("NW-11", 12, 25200),
        ("NW-42", 10, 14110),
    ]
    assert order["saga"]["state"] == "accepted"
    assert "card_ok" not in response.content.decode()


def test_an_unknown_id_is_not_found_and_a_bad_one_is_explained(client: Client) -> None:
    missing = client.get(f"/api/orders/{uuid.uuid4()}")
    assert (missing.status_code, missing["Content-Type"]) == (404, "application/problem+json")
    bad = client.get("/api/orders/NW-1")
    assert bad.status_code == 400
    assert "order_id: must be the order's id" in bad.json()["detail"]


def test_listing_needs_a_token(client: Client) -> None:
    make_order()
    response = client.get("/api/orders")
    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert "needs an API token" in response.json()["detail"]


@pytest.mark.parametrize("header", ["Bearer wrong", "Bearer ", "Bearer", f"Basic {TOKEN}", TOKEN, "Bearer é"])
def test_an_unknown_token_is_refused_everywhere_rather_than_taken_for_nobody(
    client: Client, header: str
) -> None:
    order = make_order()
    for path in ("/api/orders", f"/api/orders/{order.id}"):
        response = client.get(path, headers={"Authorization": header})
        assert response.status_code == 401
        assert response.json()["type"] == "urn:orderly:problem:token-unknown"


def test_an_empty_token_in_the_settings_lets_nobody_in(client: Client, settings: Settings) -> None:
    settings.ORDERLY_API_TOKENS = {"operator": ""}
    assert client.get("/api/orders", headers={"Authorization": "Bearer "}).status_code == 401


def test_anonymous_callers_can_be_kept_out(
    catalog: None, post: Post, order_json: dict[str, Any], client: Client, settings: Settings
) -> None:
    settings.ORDERLY_API_ANONYMOUS = False
    order_id = uuid.uuid4()
    assert post(order_json, token="").status_code == 401
    assert client.get(f"/api/orders/{order_id}").status_code == 401
    assert client.post(f"/api/orders/{order_id}/cancel").status_code == 401
    assert nothing_is_stored()
    assert post(order_json, token=TOKEN).status_code == 201


def test_pages_hold_every_order_once_newest_first_also_when_orders_come_in_between(client: Client) -> None:
    orders = [make_order() for _ in range(5)]
    first = client.get("/api/orders?limit=2", headers=BEARER).json()
    make_order()
    seen, cursor = [order["id"] for order in first["orders"]], first["next_cursor"]
    while cursor is not None:
        page = client.get("/api/orders", {"limit": 2, "cursor": cursor}, headers=BEARER).json()
        seen += [order["id"] for order in page["orders"]]
        cursor = page["next_cursor"]
    assert seen == [str(order.id) for order in reversed(orders)]


def test_orders_of_one_moment_are_not_lost_between_pages(client: Client) -> None:
    orders = [make_order() for _ in range(4)]
    Order.objects.update(placed_at=orders[0].placed_at)
    first = client.get("/api/orders?limit=3", headers=BEARER).json()
    rest = client.get("/api/orders", {"limit": 3, "cursor": first["next_cursor"]}, headers=BEARER).json()
    assert {o["id"] for o in first["orders"] + rest["orders"]} == {str(order.id) for order in orders}
    assert rest["next_cursor"] is None


def test_filters(client: Client) -> None:
    make_order()
    shipped = make_order(OrderStatus.SHIPPED)
    Order.objects.filter(pk=shipped.pk).update(email="Bea@Example.com")
    for query in ({"status": "shipped"}, {"email": "bea@example.com"}, {"reference": shipped.reference}):
        page = client.get("/api/orders", query, headers=BEARER).json()
        assert [order["id"] for order in page["orders"]] == [str(shipped.id)]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"limit": "0"}, "limit: must be a whole number from 1 to 100"),
        ({"limit": "101"}, "limit: must be a whole number from 1 to 100"),
        ({"limit": "many"}, "limit: must be a whole number from 1 to 100"),
        ({"status": "lost"}, "status: must be one of placed"),
        ({"cursor": "nonsense"}, "cursor: must be the next_cursor"),
        ({"cursor": "MjAyNg"}, "cursor: must be the next_cursor"),
        ({"cursor": "é"}, "cursor: must be the next_cursor"),
        ({"email": "a\0b"}, "is not text"),
        ({"reference": "a\0b"}, "is not text"),
    ],
)
def test_a_bad_query_is_explained(client: Client, query: dict[str, str], said: str) -> None:
    response = client.get("/api/orders", query, headers=BEARER)
    assert response.status_code == 400
    assert said in response.json()["detail"]


def test_the_api_documents_itself(client: Client) -> None:
    assert client.get("/api/docs").status_code == 200
    paths = client.get("/api/openapi.json").json()["paths"]
    assert set(paths) == {"/api/orders", "/api/orders/{order_id}", "/api/orders/{order_id}/cancel"}
    placing = paths["/api/orders"]["post"]
    assert "Idempotency-Key" in {parameter["name"] for parameter in placing["parameters"]}
    assert {"200", "201", "400", "401", "409", "413", "422", "503"} <= set(placing["responses"])


def test_the_index_page_links_to_the_api_and_the_admin(client: Client) -> None:
    page = client.get("/").content.decode()
    assert 'href="/api/docs"' in page
    assert 'href="/admin/"' in page
