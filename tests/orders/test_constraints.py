"""What must never be is refused by the database itself."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Model

from orders.models import IdempotencyKey, Order, OrderLine, Product
from tests.orders.test_status_machine import make_order

pytestmark = pytest.mark.django_db

PRODUCT: dict[str, Any] = {"sku": "A", "name": "A", "price_minor": 1, "currency": "USD"}
KEY: dict[str, Any] = {"principal": "p", "key": "k", "request_hash": "h", "status_code": 201, "body": "{}"}


def refused_by(constraint: str, model: type[Model], **values: Any) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        model._default_manager.create(**values)


def test_products() -> None:
    refused_by("product_price_in_range", Product, **{**PRODUCT, "price_minor": -1})
    refused_by("product_price_in_range", Product, **{**PRODUCT, "price_minor": 10**9 + 1})
    refused_by("product_currency_is_iso", Product, **{**PRODUCT, "currency": "usd"})
    refused_by("product_sku_not_empty", Product, **{**PRODUCT, "sku": ""})
    Product.objects.create(**PRODUCT)
    refused_by("orders_product_sku", Product, **PRODUCT)


@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        ("order_total_positive", {"total_minor": 0}),
        ("order_total_positive", {"total_minor": -1}),
        ("order_currency_is_iso", {"currency": "us"}),
        ("order_reference_not_empty", {"reference": ""}),
        ("order_card_is_a_token", {"card": "4242424242424242"}),
        ("order_card_is_a_token", {"card": ""}),
    ],
)
def test_orders(constraint: str, change: dict[str, Any]) -> None:
    order = make_order()
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Order.objects.filter(pk=order.pk).update(**change)


def test_a_reference_belongs_to_one_order() -> None:
    first, second = make_order(), make_order()
    with pytest.raises(IntegrityError, match="reference"), transaction.atomic():
        Order.objects.filter(pk=second.pk).update(reference=first.reference)


@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        ("order_line_quantity_in_range", {"quantity": 0, "line_total_minor": 0}),
        ("order_line_quantity_in_range", {"quantity": 10_001, "line_total_minor": 50_005}),
        ("order_line_total_is_product", {"line_total_minor": 14}),
        ("order_line_price_not_negative", {"unit_price_minor": -5, "line_total_minor": -15}),
        ("order_line_position_unique", {"position": 1}),
    ],
)
def test_lines(constraint: str, change: dict[str, Any]) -> None:
    line: dict[str, Any] = {
        "order": make_order(), "position": 1, "sku": "A", "name": "A", "quantity": 3, "unit_price_minor": 5,
        "line_total_minor": 15,
    }  # fmt: skip
    OrderLine.objects.create(**line)
    refused_by(constraint, OrderLine, **{**line, "position": 2, **change})


def test_one_answer_for_a_callers_key() -> None:
    IdempotencyKey.objects.create(**KEY)
    IdempotencyKey.objects.create(**{**KEY, "principal": "another"})
    refused_by("idempotency_key_unique", IdempotencyKey, **KEY)
    refused_by("idempotency_status_is_success", IdempotencyKey, **{**KEY, "key": "k2", "status_code": 409})
    refused_by("idempotency_key_not_empty", IdempotencyKey, **{**KEY, "key": ""})
