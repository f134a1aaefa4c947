"""Reading orders: one with its saga, or a page of them, newest first, by a cursor that new orders do not shift."""

from __future__ import annotations

import base64
import binascii
import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from orchestration.models import Saga, SagaStep
from orchestration.services import find_saga
from orders.errors import InvalidOrder, OrderNotFound, Problem
from orders.models import Order, OrderLine
from orders.sagas import FULFIL_ORDER


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderInFull:
    """An order with everything that is known of how it goes."""

    order: Order
    lines: list[OrderLine]
    saga: Saga | None
    steps: list[SagaStep]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some orders, and where the next ones begin."""

    orders: list[Order]
    next_cursor: str | None


def read_order_in_full(*, order_id: uuid.UUID) -> OrderInFull:
    """One order.

    Raises:
        OrderNotFound: there is no such order.
    """
    order = Order.objects.prefetch_related("lines").filter(pk=order_id).first()
    if order is None:
        raise OrderNotFound(f"No order has the id {order_id}.")
    saga = find_saga(FULFIL_ORDER, str(order.id))
    steps = list(saga.steps.order_by("pk")) if saga is not None else []
    return OrderInFull(order=order, lines=list(order.lines.all()), saga=saga, steps=steps)


def list_orders(
    *,
    limit: int,
    cursor: str | None = None,
    status: str | None = None,
    email: str | None = None,
    reference: str | None = None,
) -> Page:
    """A page of at most `limit` orders, newest first.

    Raises:
        InvalidOrder: the cursor is none of ours.
    """
    orders = Order.objects.all()
    for field, value in (("status", status), ("email__iexact", email), ("reference", reference)):
        if value is not None:
            orders = orders.filter(**{field: value})
    if cursor is not None:
        placed_at, order_id = _read_cursor(cursor)
        orders = orders.filter(Q(placed_at__lt=placed_at) | Q(placed_at=placed_at, id__lt=order_id))
    found = list(orders.order_by("-placed_at", "-id")[: limit + 1])
    page = found[:limit]
    return Page(orders=page, next_cursor=_write_cursor(page[-1]) if len(found) > limit else None)


def _write_cursor(order: Order) -> str:
    return base64.urlsafe_b64encode(f"{order.placed_at.isoformat()} {order.id}".encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[datetime, uuid.UUID]:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        placed_at, order_id = text.split(" ")
        moment = datetime.fromisoformat(placed_at)
        if moment.tzinfo is None or not 1970 <= moment.year < 9999:
            raise ValueError("not a moment at which an order was placed")
        return moment, uuid.UUID(order_id)
    except (ValueError, binascii.Error):
        message = "must be the next_cursor of an earlier page; leave it out for the first page"
        raise InvalidOrder([Problem("cursor", message)]) from None
