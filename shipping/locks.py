"""The locks of the warehouse: every lock is taken here, always in the same order, so that nobody waits in a circle.

Order: the intake of new products, the shipment of an order, then stock rows by sku, then reservations by id. A transaction that needs several of
them takes them in this order and never goes back.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db import connection

from shipping.models import Reservation, ReservationState, Shipment, Stock

_INTAKE = 0x73746F636B
"""Number of the advisory lock: "stock"."""


def lock_intake() -> None:
    """Let only one intake of new products go on at a time: there are no rows yet that could be locked."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_INTAKE])


def lock_shipment(*, label_id: str) -> Shipment | None:
    """Lock the shipment with this label until the end of the transaction; None when there is none."""
    return Shipment.objects.select_for_update().filter(label_id=label_id).first()


def lock_stock(skus: Iterable[str]) -> dict[str, Stock]:
    """Lock the stock rows of these products, in order of sku, and return them as they are now."""
    return {
        stock.sku: stock
        for stock in Stock.objects.select_for_update().filter(sku__in=set(skus)).order_by("sku")
    }


def lock_all_stock() -> dict[str, Stock]:
    """Lock every stock row: afterwards no reservation anywhere can become back-ordered unseen."""
    return {stock.sku: stock for stock in Stock.objects.select_for_update().order_by("sku")}


def lock_reservation(order_id: UUID) -> Reservation | None:
    """Lock the reservation of an order; None when there is none."""
    return Reservation.objects.select_for_update().filter(order_id=order_id).first()


def lock_waiting_reservations() -> list[Reservation]:
    """Lock every back-ordered reservation, oldest first. None is skipped: a younger one must not overtake it."""
    waiting = Reservation.objects.filter(state=ReservationState.BACKORDERED).order_by("id")
    return list(waiting.select_for_update().prefetch_related("lines"))
