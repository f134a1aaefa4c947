"""Cancelling an order: asks its saga to undo itself, as long as the label is not being made."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from orchestration.errors import TransitionRefused
from orchestration.services import cancel_saga, find_saga
from orders.errors import CancelRefused, OrderNotFound
from orders.models import Order
from orders.sagas import FULFIL_ORDER
from orders.status import OrderStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelledOrder:
    """An order that is cancelled, or is being."""

    order: Order
    is_settled: bool
    """Whether everything is undone already."""


@transaction.atomic
def cancel_order(*, order_id: UUID, by: str, reason: str = "") -> CancelledOrder:
    """Ask for an order to be cancelled.

    Guarantees: opens a transaction or joins the caller's; may be called again; changes nothing when refused.

    Raises:
        OrderNotFound: there is no such order.
        CancelRefused: too late, and why.
    """
    order = Order.objects.filter(pk=order_id).first()
    if order is None:
        raise OrderNotFound(f"no order has the id {order_id}")
    if order.status == OrderStatus.CANCELLED:
        return CancelledOrder(order=order, is_settled=True)
    if order.status == OrderStatus.SHIPPED:
        raise CancelRefused(f"order {order.reference} has been shipped, so it can no longer be cancelled")
    saga = find_saga(FULFIL_ORDER, str(order_id))
    if saga is None:
        # Retention removes only what has ended, and an order has its last status before its saga ends.
        raise CancelRefused(
            f"order {order.reference} can no longer be cancelled: nothing is known of its saga"
        )
    if saga.state in ("compensating", "undo_failed", "compensated", "failed", "cancelled"):
        return CancelledOrder(order=order, is_settled=False)
    try:
        cancel_saga(saga_id=saga.id, by=by, reason=reason)
    except TransitionRefused as error:
        raise CancelRefused(f"order {order.reference} can no longer be cancelled: {error}") from error
    return CancelledOrder(order=order, is_settled=False)
