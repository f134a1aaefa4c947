"""The locks of the warehouse: every lock is taken here, always in the same order, so that nobody waits in a circle.

Order: the intake of new products, a delivery by its key, the shipment of an order, then stock rows by sku, then reservations by id. A transaction that needs several of
them takes them in this order and never goes back.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet

from shipping.models import Reservation, ReservationLine, ReservationState, Shipment, Stock

_INTAKE = 0x73746F636B
"""Number of the advisory lock: "stock"."""


def lock_intake() -> None:
    """Let only one intake of new products go on at a time: there are no rows yet that could be locked."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_INTAKE])


def lock_delivery(key: UUID) -> None:
    """Let only one of several copies of one delivery go on at a time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key.int % 2**63])


def lock_shipment(*, label_id: str) -> Shipment | None:
    """Lock the shipment with this label until the end of the transaction; None when there is none."""
    return Shipment.objects.select_for_update().filter(label_id=label_id).first()


def lock_stock(skus: Iterable[str]) -> dict[str, Stock]:
    """Lock the stock rows of these products, in order of sku, and return them as they are now."""
    return {
        stock.sku: stock
        for stock in Stock.objects.select_for_update().filter(sku__in=set(skus)).order_by("sku")
    }


def lock_with_waiting(skus: Iterable[str]) -> tuple[dict[str, Stock], list[Reservation]]:
    """Lock these products and the reservations that wait for one of them, oldest first, with what else those wait for.

    Afterwards no reservation can begin to wait for one of these products unseen. Nothing else is locked: orders for other
    products go on meanwhile. Must be inside a transaction that holds no lock of the warehouse yet.
    """
    delivered = set(skus)
    together = delivered
    while True:
        together = together | _wanted_with(delivered)
        try:
            with (
                transaction.atomic()
            ):  # a savepoint: going back to it lets go of the locks, so that they are taken in order
                stock, waiting = lock_stock(together), _lock_waiting(delivered)
                if any(line.sku not in together for each in waiting for line in each.lines.all()):
                    raise _BeganToWait
                return stock, waiting
        except _BeganToWait:
            continue


class _BeganToWait(Exception):
    """An order began to wait between the look and the locks, and wants something that is not locked."""


def _wanted_with(skus: set[str]) -> set[str]:
    """Products that orders want which wait for one of these. Locks nothing."""
    lines = ReservationLine.objects.filter(
        reservation__state=ReservationState.BACKORDERED, reservation_id__in=_with_a_line_of(skus)
    )
    return set(lines.values_list("sku", flat=True))


def _lock_waiting(skus: set[str]) -> list[Reservation]:
    """Lock what waits for one of these products, oldest first. None is skipped: a younger one must not overtake it."""
    waiting = Reservation.objects.filter(state=ReservationState.BACKORDERED, id__in=_with_a_line_of(skus))
    return list(waiting.order_by("id").select_for_update().prefetch_related("lines"))


def _with_a_line_of(skus: set[str]) -> QuerySet[ReservationLine, int]:
    return ReservationLine.objects.filter(sku__in=skus).values_list("reservation_id", flat=True)


def wanted_by_waiting() -> set[str]:
    """Every product that a waiting order wants. Locks nothing."""
    lines = ReservationLine.objects.filter(reservation__state=ReservationState.BACKORDERED)
    return set(lines.values_list("sku", flat=True))


def lock_reservation(order_id: UUID) -> Reservation | None:
    """Lock the reservation of an order; None when there is none."""
    return Reservation.objects.select_for_update().filter(order_id=order_id).first()
