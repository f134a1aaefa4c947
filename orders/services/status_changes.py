"""The one place that writes an order's status. What is permitted, `orders.status` says."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from orders.errors import OrderNotFound, StatusChangeRefused
from orders.models import Order
from orders.status import PERMITTED, OrderStatus


def lock_order(*, order_id: UUID) -> Order:
    """The order, locked until the transaction ends.

    Guarantees: must be inside a transaction; takes the order's row lock and no other.

    Raises:
        OrderNotFound: there is no such order.
    """
    order = Order.objects.select_for_update().filter(pk=order_id).first()
    if order is None:
        raise OrderNotFound(f"no order has the id {order_id}")
    return order


def change_status(*, order_id: UUID, to: OrderStatus, reason: str = "") -> bool:
    """Change an order's status if that is permitted; tell whether it changed.

    Guarantees: joins the caller's transaction; idempotent: an order that has the status already stays as it is.

    Args:
        order_id: which order.
        to: the new status.
        reason: why, in the customer's words; needed for `cancelled`, refused for others.

    Raises:
        OrderNotFound: there is no such order.
        StatusChangeRefused: not permitted from where the order stands.
    """
    if bool(reason) != (to is OrderStatus.CANCELLED):
        raise ValueError("a reason belongs to a cancelled order, and only to one")
    with transaction.atomic():
        order = lock_order(order_id=order_id)
        if order.status == to:
            return False
        if to not in PERMITTED[OrderStatus(order.status)]:
            raise StatusChangeRefused(order_id, order.status, to)
        order.status, order.cancel_reason = to.value, reason[:500]
        order.save(update_fields=["status", "cancel_reason"])
        return True
