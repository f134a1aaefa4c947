"""The rows of this app."""

from __future__ import annotations

from orders.models.catalog import Product, SearchWords
from orders.models.idempotency import IdempotencyKey
from orders.models.order import Order, OrderLine

__all__ = ["IdempotencyKey", "Order", "OrderLine", "Product", "SearchWords"]
