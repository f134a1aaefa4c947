"""`restock SKU QTY`, `restock --all QTY`, `restock --to-fill`: take a delivery into the warehouse.

People read stderr; where stdout is no terminal, its last line is one JSON object.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from orchestration.command_line import manage, text, whole_number
from orchestration.core.definition.arguments import LARGEST_INTEGER, shown
from orchestration.sentences import sentence
from shipping.delivery_words import told
from shipping.models import Stock
from shipping.restocking import UnknownProduct, restock_products

_units = whole_number(-LARGEST_INTEGER)


class Command(BaseCommand):
    """Take a delivery into the warehouse, and serve those who wait."""

    help = "Add stock and allocate it to back-ordered orders, oldest first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "sku", nargs="?", type=text("the number of a product", 64), help="the product, e.g. NW-11"
        )
        parser.add_argument(
            "quantity", nargs="?", type=_units, help="units to add; with --all for each product"
        )
        parser.add_argument("--all", action="store_true", help="add to every product in the warehouse")
        parser.add_argument(
            "--to-fill", action="store_true", help="add what is missing for every waiting order"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        units = self._units(**options)
        try:
            done = restock_products(units=units, to_fill=options["to_fill"])
        except (UnknownProduct, ValueError) as error:
            raise CommandError(f"{sentence(error)} Nothing was added.") from error
        self.stderr.write(told(done))
        if self.stdout.isatty():
            return  # the sentence above is for people
        self.stdout.write(
            json.dumps(
                {
                    "units": done.units,
                    "allocated": [str(order_id) for order_id in done.allocated],
                    "waiting": done.waiting,
                }
            )
        )

    def _units(self, *, sku: str | None, quantity: int | None, **options: Any) -> dict[str, int]:
        if options["all"] and sku is not None and quantity is None:
            # `restock --all 50`: the only word is the quantity.
            try:
                each = _units(sku)
            except ArgumentTypeError:
                raise CommandError(f"--all takes a number of units, not {shown(sku)}.") from None
            return dict.fromkeys(Stock.objects.values_list("sku", flat=True), each)
        if not options["all"] and sku is not None and quantity is not None:
            return {sku: quantity}
        if not options["all"] and sku is None and options["to_fill"]:
            return {}
        raise CommandError(
            f"Say what comes in, such as {manage('restock', 'NW-11', '5')}, {manage('restock', '--all', '5')} or {manage('restock', '--to-fill')}."
        )
