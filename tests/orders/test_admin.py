"""Orders and catalog in the admin: to be found and read, not to be changed; no card is shown."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from orders.models import Order, Product
from tests.orders.conftest import Post

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("operator", password="not used here"))
    return client


@pytest.fixture
def order(catalog: None, post: Post, order_json: dict[str, Any]) -> Order:
    order_json["customer"]["name"] = "<script>alert(1)</script>"
    assert post(order_json).status_code == 201
    return Order.objects.get()


@pytest.mark.parametrize("query", ["NW-1", "vinet@example.com"])
def test_orders_are_found_by_number_and_e_mail_and_link_to_their_saga(
    operator: Client, order: Order, query: str
) -> None:
    page = operator.get("/admin/orders/order/", {"q": query}).content.decode()
    saga_link = f"/admin/orchestration/saga/?q={order.id}"
    assert saga_link in page
    assert "<script>alert(1)" not in page
    other = operator.get("/admin/orders/order/", {"q": "nobody@example.com"}).content.decode()
    assert saga_link not in other


def test_an_order_shows_its_lines_and_total_but_not_its_card(operator: Client, order: Order) -> None:
    page = operator.get(f"/admin/orders/order/{order.id}/change/").content.decode()
    assert "Queso Cabrales" in page
    assert "card_ok" not in page


@pytest.mark.parametrize("model", ["order", "orderline", "product"])
def test_nothing_can_be_added_changed_or_deleted(operator: Client, order: Order, model: str) -> None:
    key = {"order": order.pk, "orderline": order.lines.all()[0].pk, "product": Product.objects.all()[0].pk}[
        model
    ]
    assert operator.get(f"/admin/orders/{model}/").status_code == 200
    assert operator.get(f"/admin/orders/{model}/add/").status_code == 403
    assert operator.post(f"/admin/orders/{model}/{key}/change/", {}).status_code == 403
    assert operator.post(f"/admin/orders/{model}/{key}/delete/", {"post": "yes"}).status_code == 403
    assert Order.objects.filter(pk=order.pk).exists()
    assert order.lines.count() == 2


def test_the_admin_is_closed_to_strangers(client: Client, order: Order) -> None:
    response = client.get(f"/admin/orders/order/{order.id}/change/")
    assert response.status_code == 302
    assert "/admin/login/" in response["Location"]
