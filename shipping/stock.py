"""Taking in and looking up stock: what the rest of the shop asks of the warehouse, by settings and not by import."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db import transaction

from shipping.contracts import StockLevel
from shipping.locks import lock_intake
from shipping.models import MovementKind, Stock, StockMovement


def take_in(levels: Sequence[StockLevel]) -> None:
    """Take products into the warehouse: a new one with its first units; a known one keeps everything but `discontinued`.

    Wired by the setting ORDERLY_STOCK_INTAKE. Idempotent by sku. Opens a transaction, all or nothing; may be called
    inside one. `levels` may be any objects with `sku`, `units` and `discontinued`.
    """
    wanted = {level.sku: level for level in levels}
    with transaction.atomic():
        lock_intake()
        known = set(Stock.objects.filter(sku__in=wanted).values_list("sku", flat=True))
        new = [
            Stock(sku=sku, on_hand=level.units, initial=level.units, discontinued=level.discontinued)
            for sku, level in sorted(wanted.items())
            if sku not in known
        ]
        Stock.objects.bulk_create(new)
        StockMovement.objects.bulk_create(
            StockMovement(sku=stock.sku, kind=MovementKind.TAKEN_IN, units=stock.initial)
            for stock in new
            if stock.initial
        )
        for is_discontinued in (True, False):
            of_this_kind = [sku for sku, level in wanted.items() if level.discontinued is is_discontinued]
            Stock.objects.filter(sku__in=of_this_kind).exclude(discontinued=is_discontinued).update(
                discontinued=is_discontinued
            )


def available(skus: Iterable[str]) -> dict[str, int]:
    """Free units by sku, as a hint for the shop window: nothing is promised. Unknown products are left out."""
    return dict(Stock.objects.filter(sku__in=set(skus)).values_list("sku", "on_hand"))
