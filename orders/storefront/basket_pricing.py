"""The basket at today's prices, and what keeps it from being ordered."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from orchestration.money import format_minor
from orders.models import Product
from orders.storefront.session_basket import Entry, SessionBasket
from orders.storefront.stock_hints import StockHint, stock_hints


@dataclass(frozen=True, slots=True, kw_only=True)
class BasketLine:
    """One product of the basket as it is shown."""

    entry: Entry
    product: Product | None
    """None when it is no longer in the catalog."""
    hint: StockHint | None
    notice: str = ""
    """Worth knowing; the order can be placed."""
    problem: str = ""
    """Why the order cannot be placed with this line, and what to do."""

    @property
    def total_minor(self) -> int:
        """Price of the line; 0 for a product that is gone."""
        return self.product.price_minor * self.entry.quantity if self.product is not None else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedBasket:
    """All lines, and what they cost."""

    lines: list[BasketLine]
    problem: str = ""
    """Why the lines cannot be ordered together, and what to do."""

    @property
    def currency(self) -> str:
        """Of the first line; the only one when the basket can be ordered."""
        return next((line.product.currency for line in self.lines if line.product is not None), "")

    @property
    def total_minor(self) -> int:
        """Price of all lines. Means nothing when the currencies are mixed."""
        return sum(line.total_minor for line in self.lines)

    @property
    def can_be_ordered(self) -> bool:
        """Whether there is something in it and nothing is in the way."""
        return bool(self.lines) and not self.problem and not any(line.problem for line in self.lines)

    @property
    def fingerprint(self) -> str:
        """Tells this content at these prices from any other: what a customer sees is what is ordered."""
        content = [
            [line.entry.sku, line.entry.quantity, line.product.price_minor, line.product.currency]
            for line in self.lines
            if line.product is not None
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]


def price_basket(basket: SessionBasket) -> PricedBasket:
    """The basket with products, hints and prices as they are now; two queries, however full it is."""
    entries = basket.entries
    if not entries:
        return PricedBasket(lines=[])
    products = Product.objects.in_bulk([entry.sku for entry in entries], field_name="sku")
    hints = stock_hints(products.values())
    lines = [_line(entry, products.get(entry.sku), hints.get(entry.sku)) for entry in entries]
    return PricedBasket(lines=lines, problem=_problem_of(lines))


def _line(entry: Entry, product: Product | None, hint: StockHint | None) -> BasketLine:
    if product is None or hint is None:
        return BasketLine(
            entry=entry, product=None, hint=None, problem="We no longer sell this. Please remove it."
        )
    if hint.most is not None and entry.quantity > hint.most:
        problem = (
            f"Only {hint.most} left and no more are made. Please take {hint.most} or fewer."
            if hint.most
            else "Sold out, and no more are made. Please remove it."
        )
        return BasketLine(entry=entry, product=product, hint=hint, problem=problem)
    return BasketLine(entry=entry, product=product, hint=hint, notice=_notice(entry, product, hint))


def _notice(entry: Entry, product: Product, hint: StockHint) -> str:
    said = []
    if entry.seen_minor != product.price_minor:
        before, now = (format_minor(m, product.currency) for m in (entry.seen_minor, product.price_minor))
        said.append(f"The price has changed from {before} to {now}.")
    if hint.free is not None and entry.quantity > hint.free:
        there = f"Only {hint.free} in stock" if hint.free else "Out of stock"
        said.append(f"{there}: your order waits for the delivery, and ships complete.")
    return " ".join(said)


def _problem_of(lines: list[BasketLine]) -> str:
    sold = [line.product for line in lines if line.product is not None]
    currencies = sorted({product.currency for product in sold})
    if len(currencies) > 1:
        listed = " and ".join(currencies)
        return f"These products are priced in {listed}. Order each currency on its own: remove the others for now."
    if sold and not any(product.price_minor for product in sold):
        return "These products cost nothing together. Add something there is to pay for."
    return ""
