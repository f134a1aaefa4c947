"""What the shop window says about stock. A hint: nothing is promised, the saga decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from django.conf import settings
from django.utils.module_loading import import_string

from orders.models import Product

FEW = 5
"""From here down the number is told: somebody who wants several should know before ordering."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StockHint:
    """One product's stock, in words."""

    words: str
    tone: Literal["good", "warn", "bad"]
    free: int | None
    """Free units; None when nobody told."""
    most: int | None
    """An order for more than this would be cancelled; None when more will come."""

    @property
    def is_orderable(self) -> bool:
        """Whether an order for one can be fulfilled, now or later."""
        return self.most is None or self.most > 0


def stock_hint(*, free: int | None, discontinued: bool) -> StockHint:
    """The hint for so many free units."""
    if free is None:
        return StockHint(words="Ask for it", tone="warn", free=None, most=None)
    most = free if discontinued else None
    if free <= 0:
        if discontinued:
            return StockHint(words="No longer made", tone="bad", free=0, most=0)
        return StockHint(words="Out of stock", tone="warn", free=0, most=None)
    if discontinued:
        return StockHint(words=f"Last {free}, no longer made", tone="warn", free=free, most=most)
    if free <= FEW:
        return StockHint(words=f"Only {free} left", tone="warn", free=free, most=None)
    return StockHint(words="In stock", tone="good", free=free, most=None)


def stock_hints(products: Iterable[Product]) -> dict[str, StockHint]:
    """Hints by SKU, for all products with one question to the warehouse.

    Settings: `ORDERLY_STOCK_LEVELS`, the callable that tells free units by SKU, because this app does not know the
    warehouse. Unset, nothing is known of stock and everything can be ordered.
    """
    listed = list(products)
    levels = _levels([product.sku for product in listed])
    return {
        product.sku: stock_hint(
            # A product the warehouse has never seen has no units there.
            free=None if levels is None else levels.get(product.sku, 0),
            discontinued=product.discontinued,
        )
        for product in listed
    }


def _levels(skus: list[str]) -> Mapping[str, int] | None:
    path = getattr(settings, "ORDERLY_STOCK_LEVELS", "")
    if not path:
        return None
    tell: Callable[[list[str]], Mapping[str, int]] = import_string(path)
    return tell(skus)
