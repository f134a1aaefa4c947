"""What must become of the Northwind orders, worked out from the two JSON files alone.

Standard library only, and nothing of the project: were the oracle built from our own code, both could be wrong in the
same way. Orders are taken one after the other, as the file lists them:

    every line in stock                       -> shipped, and the stock is gone
    any short line of a discontinued product  -> cancelled, and nothing is held
    any other short line                      -> backordered, and nothing is held

A restock then serves those that wait, oldest first, skipping whom it cannot fill.

Run it to see the figures: `python3 tests/orders/northwind_oracle.py`.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "orders" / "fixtures" / "northwind"

SHIPPED, CANCELLED, BACKORDERED = "shipped", "cancelled", "backordered"


@dataclass
class World:
    """The warehouse and the orders, after the orders of the file."""

    on_hand: dict[str, int]
    endings: dict[str, str] = field(default_factory=dict)
    """Reference -> shipped, cancelled or backordered; in the order of the file."""
    needs: dict[str, Counter[str]] = field(default_factory=dict)
    """Reference -> units by SKU, lines of one product added up."""
    totals_minor: dict[str, int] = field(default_factory=dict)
    """Reference -> price of all lines in cents, by the catalog."""
    shipped_units: Counter[str] = field(default_factory=Counter)

    def counts(self) -> dict[str, int]:
        """How many orders ended in each way."""
        found = Counter(self.endings.values())
        return {ending: found[ending] for ending in (SHIPPED, BACKORDERED, CANCELLED)}

    def references(self, ending: str) -> list[str]:
        """Orders with this ending, oldest first."""
        return [reference for reference, found in self.endings.items() if found == ending]

    def takings_minor(self) -> int:
        """Money taken and kept: the totals of what is shipped."""
        return sum(self.totals_minor[reference] for reference in self.references(SHIPPED))

    def missing_to_fill(self) -> dict[str, int]:
        """The smallest restock that fills every order that waits."""
        wanted: Counter[str] = Counter()
        for reference in self.references(BACKORDERED):
            wanted += self.needs[reference]
        missing = {sku: units - self.on_hand[sku] for sku, units in wanted.items()}
        return {sku: units for sku, units in sorted(missing.items()) if units > 0}

    def restock(self, quantities: Mapping[str, int]) -> list[str]:
        """Add stock, serve those that wait, and name whom it filled, oldest first."""
        for sku, units in quantities.items():
            self.on_hand[sku] += units
        return [reference for reference in self.references(BACKORDERED) if self._ship(reference)]

    def _ship(self, reference: str) -> bool:
        needs = self.needs[reference]
        if any(self.on_hand[sku] < units for sku, units in needs.items()):
            return False
        for sku, units in needs.items():
            self.on_hand[sku] -= units
            self.shipped_units[sku] += units
        self.endings[reference] = SHIPPED
        return True


def northwind(
    catalog: Path = FOLDER / "catalog.json",
    orders: Path = FOLDER / "orders.jsonl",
    *,
    first: int | None = None,
) -> World:
    """The world after the orders of the file, or after the `first` so many of them."""
    products = {product["sku"]: product for product in json.loads(catalog.read_text("utf-8"))["products"]}
    cents = {sku: int(Decimal(product["unit_price"]) * 100) for sku, product in products.items()}
    world = World(on_hand={sku: product["units_in_stock"] for sku, product in products.items()})
    for row in orders.read_text("utf-8").splitlines()[:first]:
        order = json.loads(row)
        reference = order["reference"]
        needs: Counter[str] = Counter()
        for line in order["lines"]:
            needs[line["sku"]] += line["quantity"]
        world.needs[reference] = needs
        world.totals_minor[reference] = sum(cents[sku] * units for sku, units in needs.items())
        short = [sku for sku, units in needs.items() if world.on_hand[sku] < units]
        if not short:
            world._ship(reference)
        elif any(products[sku]["discontinued"] for sku in short):
            world.endings[reference] = CANCELLED
        else:
            world.endings[reference] = BACKORDERED
    return world


def main() -> None:
    """Print the figures as JSON."""
    world = northwind()
    figures = {"endings": world.counts(), "takings_minor": world.takings_minor()}
    missing = world.missing_to_fill()
    filled = world.restock(missing)
    restocked = {
        "units_added": sum(missing.values()),
        "filled": len(filled),
        "endings": world.counts(),
        "takings_minor": world.takings_minor(),
    }
    json.dump({**figures, "after_restock_to_fill": restocked}, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
