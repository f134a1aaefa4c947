"""Taking in a delivery that a person announced: once for each filled form, with a note of who it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.utils import timezone

from shipping.delivery_words import called, names_of
from shipping.locks import lock_delivery
from shipping.models import Reservation, ReservationState, Stock
from shipping.restocking import Restocked, restock_products

REMEMBERED = timedelta(days=1)
"""How long a form sent again is known."""


def restock_once(
    *, key: UUID, skus: Sequence[str], units: int | None, to_fill: bool, user: Any
) -> Restocked | None:
    """Take in a delivery, or return None where the form of this `key` has been taken in already.

    Opens one transaction; locks its key first, so the same form sent twice at once comes in once.

    Raises:
        UnknownProduct: a product is gone; nothing was added.
    """
    note = f"delivery {key}"
    kind = ContentType.objects.get_for_model(Stock)
    with transaction.atomic():
        lock_delivery(key)
        known = LogEntry.objects.filter(
            user=user, content_type=kind, action_time__gte=timezone.now() - REMEMBERED
        )
        if known.filter(change_message__startswith=note).exists():
            return None
        done = restock_products(units=dict.fromkeys(skus, units) if units else {}, to_fill=to_fill)
        names = names_of(done.units)
        LogEntry.objects.bulk_create(
            LogEntry(
                user=user,
                content_type=kind,
                object_id=sku,
                object_repr=called(sku, names)[:200],
                action_flag=CHANGE,
                change_message=f"{note}: {number} units came in",
            )
            for sku, number in (done.units or {"-": 0}).items()
        )
    return done


def lacking() -> list[tuple[str, int, int]]:
    """Product, units wanted by waiting orders beyond what is free, and units free now; by SKU. Two queries.

    A look ahead only: what is really lacking is counted under the locks of the restock.
    """
    wanted: Counter[str] = Counter()
    waiting = Reservation.objects.filter(state=ReservationState.BACKORDERED)
    for sku, quantity in waiting.values_list("lines__sku", "lines__quantity"):
        wanted[sku] += quantity
    free = dict(Stock.objects.filter(sku__in=wanted).values_list("sku", "on_hand"))
    return [
        (sku, number - free.get(sku, 0), free.get(sku, 0))
        for sku, number in sorted(wanted.items())
        if number > free.get(sku, 0)
    ]
