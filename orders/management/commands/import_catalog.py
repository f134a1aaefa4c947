"""`manage.py import_catalog FILE`: bring the catalog in line with a JSON file."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from orchestration.command_line import file
from orders.errors import CatalogError
from orders.services.catalog import import_catalog

SHOWN = 20
"""Problems listed before the rest is only counted."""


class Command(BaseCommand):
    """Import a catalog; the last line on stdout is a JSON object with the counts."""

    help = "Import products, prices and initial stock from a JSON catalog. Safe to repeat; a wrong file changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        """One file."""
        parser.add_argument(
            "file",
            type=file,
            help='JSON: {"products": [{"sku", "name", "unit_price", ...}], "search_words": {"a category or SKU": "words"}}',
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Import it, or say everything that is wrong with it."""
        try:
            summary = import_catalog(path=options["file"])
        except CatalogError as error:
            listed = "\n".join(f"  {problem}" for problem in error.problems[:SHOWN])
            more = len(error.problems) - SHOWN
            raise CommandError(
                f"nothing was imported, because of {len(error.problems)} problem(s):\n{listed}"
                + (f"\n  and {more} more" if more > 0 else "")
            ) from None
        self.stdout.write(json.dumps(asdict(summary)))
