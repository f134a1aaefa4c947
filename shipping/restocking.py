"""Restocking: new units come in, and those who wait get theirs, oldest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from orchestration.core.definition.arguments import plain
from shipping.locks import lock_with_waiting, wanted_by_waiting
from shipping.models import MovementKind, Reservation, ReservationState, Stock, StockMovement
from shipping.reservations import quantities, serve

MOST_UNITS = 1_000_000
"""Units of one product in one delivery: more is a slip of the finger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restocked:
    """What a restock did."""

    units: dict[str, int]
    """Units that came in, by sku."""
    allocated: list[UUID]
    """Orders that got their stock, in the order in which they waited."""
    waiting: int
    """Orders that go on waiting."""


class UnknownProduct(LookupError):
    """The warehouse has no such product."""


def restock_products(*, units: Mapping[str, int], to_fill: bool = False) -> Restocked:
    """Add units to the stock, then allocate to waiting orders, oldest first, skipping those that cannot be filled.

    Opens one transaction: the units, the allocations and one `shipping.stock_reserved` event for each filled order
    commit together, so nobody else takes the new units first. Locks the products that come in, and what else the orders
    want that wait for one of them: an order that is being back-ordered at this moment is either seen here or sees the new
    units, and never waits beside full shelves. Orders for other products go on meanwhile.
    Not idempotent: each call is a delivery of its own.

    Args:
        units: by sku; each at least 1.
        to_fill: also add what is missing for every order that waits now.

    Raises:
        UnknownProduct: nothing was added.
        ValueError: a number of units below 1 or above MOST_UNITS; nothing was added.
    """
    if wrong := sorted(sku for sku, number in units.items() if number < 1):
        raise ValueError(f"{', '.join(wrong)}: add at least one unit")
    if wrong := sorted(sku for sku, number in units.items() if number > MOST_UNITS):
        raise ValueError(f"{', '.join(wrong)}: add at most {MOST_UNITS} units at once")
    with transaction.atomic():
        stock, waiting = lock_with_waiting({*units, *(wanted_by_waiting() if to_fill else ())})
        if unknown := sorted(units.keys() - stock.keys()):
            raise UnknownProduct(f"the warehouse has no product {', '.join(map(plain, unknown))}")
        added = dict(units)
        if to_fill:
            added = dict(Counter(added) + _missing(stock, waiting, added))
        _add(stock, added)
        filled = serve(waiting, stock)
        still_waiting = Reservation.objects.filter(state=ReservationState.BACKORDERED).count()
    return Restocked(
        units=added,
        allocated=[reservation.order_id for reservation in filled],
        waiting=still_waiting,
    )


def _missing(
    stock: Mapping[str, Stock], waiting: list[Reservation], added: Mapping[str, int]
) -> Counter[str]:
    """Units that are lacking so that every waiting order can be filled."""
    wanted: Counter[str] = Counter()
    for reservation in waiting:
        wanted.update(quantities(reservation))
    there = Counter({sku: stock[sku].on_hand + added.get(sku, 0) for sku in wanted})
    return wanted - there


def _add(stock: Mapping[str, Stock], units: Mapping[str, int]) -> None:
    for sku, number in units.items():
        stock[sku].on_hand += number
        stock[sku].restocked += number
    Stock.objects.bulk_update([stock[sku] for sku in units], ["on_hand", "restocked"])
    StockMovement.objects.bulk_create(
        StockMovement(sku=sku, kind=MovementKind.RESTOCKED, units=number) for sku, number in units.items()
    )
