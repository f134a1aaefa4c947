"""Holding stock for orders: reserve, release, allocate to those who wait, hand out.

Every function must be inside a transaction and takes its locks through `shipping.locks`. A reservation holds every
line or none, so `Stock.reserved` is the sum of the lines of the reservations that hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from uuid import UUID

from django.utils import timezone

from orchestration import StepRejected
from orchestration.services import publish_event
from shipping.contracts import STOCK_RESERVED, StockLine, StockReservedEvent
from shipping.locks import lock_reservation, lock_stock, lock_with_waiting
from shipping.models import (
    HOLDING,
    MovementKind,
    Reservation,
    ReservationLine,
    ReservationState,
    Stock,
    StockMovement,
)


def reserve(*, order_id: UUID, lines: Iterable[StockLine]) -> tuple[Reservation, tuple[str, ...]]:
    """Hold every line, or none of them and join the waiting list; also return the skus that are short then.

    Idempotent by order: a reservation that holds or waits already is returned as it is. A released one starts anew,
    with its old place on the waiting list.

    Raises:
        StepRejected: `unknown_product`, or `discontinued` when a short product is not bought again; `data["skus"]`
            names them. Nothing is held or written.
    """
    wanted = merge_lines(lines)
    stock = lock_stock(wanted)
    reservation = lock_reservation(order_id)
    if reservation is not None and reservation.state != ReservationState.RELEASED:
        return reservation, _short(stock, wanted) if reservation.state == ReservationState.BACKORDERED else ()
    if unknown := sorted(wanted.keys() - stock.keys()):
        raise StepRejected(
            f"We do not stock {', '.join(unknown)}.", code="unknown_product", data={"skus": unknown}
        )
    short = _short(stock, wanted)
    if gone := [sku for sku in short if stock[sku].discontinued]:
        raise StepRejected(
            f"{', '.join(gone)}: discontinued, and not enough left.", code="discontinued", data={"skus": gone}
        )
    state = ReservationState.BACKORDERED if short else ReservationState.RESERVED
    if reservation is None:
        reservation = Reservation.objects.create(order_id=order_id, state=state)
    else:
        reservation.lines.all().delete()
        _set_state(reservation, state)
    ReservationLine.objects.bulk_create(
        ReservationLine(reservation=reservation, sku=sku, quantity=quantity)
        for sku, quantity in wanted.items()
    )
    if not short:
        _move(stock, wanted, MovementKind.RESERVED, order_id)
    return reservation, short


def release(*, order_id: UUID) -> bool:
    """Give back what an order holds, or take it off the waiting list. Returns whether there was anything to do.

    What comes back goes to who waits longest for it, in the same transaction: nobody who orders now is served before.
    """
    stock, waiting = lock_with_waiting(_skus_of(order_id))
    reservation = lock_reservation(order_id)
    if reservation is None or reservation.state in (ReservationState.RELEASED, ReservationState.SHIPPED):
        return False
    was_holding = reservation.state in HOLDING
    if was_holding:
        _move(stock, quantities(reservation), MovementKind.RELEASED, order_id)
    _set_state(reservation, ReservationState.RELEASED)
    if was_holding:
        serve(waiting, stock)
    return True


def serve(waiting: Iterable[Reservation], stock: Mapping[str, Stock]) -> list[Reservation]:
    """Allocate to those who wait, in that order, skipping those that cannot be filled; return who got everything.

    Each goes on by the event `shipping.stock_reserved`, published in the same transaction. All must be locked already.
    """
    filled = [reservation for reservation in waiting if allocate(reservation, stock)]
    for reservation in filled:
        publish_event(
            type=STOCK_RESERVED,
            source="shipping",
            key=str(reservation.order_id),
            data=StockReservedEvent(reservation_id=reservation.pk).model_dump(mode="json"),
        )
    return filled


def allocate(reservation: Reservation, stock: Mapping[str, Stock]) -> bool:
    """Hold every line of a waiting reservation, if they all fit now. Both must be locked already."""
    wanted = quantities(reservation)
    if wanted.keys() - stock.keys() or _short(stock, wanted):
        return False
    _move(stock, wanted, MovementKind.ALLOCATED, reservation.order_id)
    _set_state(reservation, ReservationState.ALLOCATED)
    return True


def hand_out(*, order_id: UUID) -> None:
    """The units of an order leave the house.

    Raises:
        Reservation.DoesNotExist: the order holds nothing; what leaves then is not ours to give.
    """
    stock = lock_stock(_skus_of(order_id))
    reservation = lock_reservation(order_id)
    if reservation is None or reservation.state not in HOLDING:
        raise Reservation.DoesNotExist(f"order {order_id} holds no stock")
    _move(stock, quantities(reservation), MovementKind.SHIPPED, order_id)
    _set_state(reservation, ReservationState.SHIPPED)


def merge_lines(lines: Iterable[StockLine]) -> dict[str, int]:
    """Quantities by sku, in order of sku: two lines of one product are one."""
    total: Counter[str] = Counter()
    for line in lines:
        total[line.sku] += line.quantity
    return dict(sorted(total.items()))


def quantities(reservation: Reservation) -> dict[str, int]:
    """Quantities by sku of a reservation."""
    return {line.sku: line.quantity for line in reservation.lines.all()}


def _skus_of(order_id: UUID) -> list[str]:
    return list(ReservationLine.objects.filter(reservation__order_id=order_id).values_list("sku", flat=True))


def _short(stock: Mapping[str, Stock], wanted: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(sku for sku, quantity in wanted.items() if sku in stock and stock[sku].on_hand < quantity)


def _set_state(reservation: Reservation, state: ReservationState) -> None:
    reservation.state = state
    reservation.updated_at = timezone.now()
    reservation.save(update_fields=["state", "updated_at"])


_FROM_TO = {
    MovementKind.RESERVED: ("on_hand", "reserved"),
    MovementKind.ALLOCATED: ("on_hand", "reserved"),
    MovementKind.RELEASED: ("reserved", "on_hand"),
    MovementKind.SHIPPED: ("reserved", "shipped"),
}


def _move(stock: Mapping[str, Stock], units: Mapping[str, int], kind: MovementKind, order_id: UUID) -> None:
    """Move units between two columns of locked rows, and note it. The rows in memory follow."""
    source, target = _FROM_TO[kind]
    for sku, quantity in units.items():
        setattr(stock[sku], source, getattr(stock[sku], source) - quantity)
        setattr(stock[sku], target, getattr(stock[sku], target) + quantity)
    Stock.objects.bulk_update([stock[sku] for sku in units], [source, target])
    StockMovement.objects.bulk_create(
        StockMovement(sku=sku, kind=kind, units=quantity, order_id=order_id)
        for sku, quantity in units.items()
    )
