"""Colours of an order's status, by the classes of the engine's style sheet."""

from __future__ import annotations

from orders.status import OrderStatus

STATUS = {
    OrderStatus.PLACED.value: "info",
    OrderStatus.CONFIRMED.value: "info",
    OrderStatus.BACKORDERED.value: "warning",
    OrderStatus.SHIPPED.value: "success",
    OrderStatus.WITHDRAWN.value: "warning",
    OrderStatus.CANCELLED.value: "danger",
}
