"""Importing a catalog file: everything is checked before anything is written, and prices become minor units exactly.

Importing the same file again changes nothing. Stock is handed to whoever keeps it (the warehouse), by the callable
that the setting `ORDERLY_STOCK_INTAKE` names, because this app does not know that one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.utils.module_loading import import_string

from orchestration.core.definition.arguments import plain, shown
from orchestration.core.storable import is_storable_text
from orchestration.money import UnknownCurrency, to_minor_units
from orders.errors import CatalogError, Problem
from orders.models import Product, SearchWords
from shipping.contracts import StockLevel

MOST_UNITS = 1_000_000_000
LONGEST_WORDS = 1_000
TEXT_LIMITS = {"sku": 64, "name": 200, "category": 100, "quantity_per_unit": 100}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedCatalog:
    """What an import did."""

    created: int
    updated: int
    unchanged: int


def import_catalog(*, path: Path) -> ImportedCatalog:
    """Bring the catalog in line with a file; products and search words that the file does not name are left alone.

    Guarantees: opens one transaction; idempotent by SKU; the stock of a product already known is not touched.

    Raises:
        CatalogError: the file is wrong somewhere; nothing was written.
    """
    content = _read_content(path)
    rows = _rows_of(content)
    search_words, problems = _read_search_words(content)
    products: dict[str, Product] = {}
    levels: list[StockLevel] = []
    for index, row in enumerate(rows):
        found, product, units = _read_product(row, f"products[{index}]")
        if product is not None and product.sku in products:
            found.append(Problem(f"products[{index}].sku", f"{product.sku!r} is listed twice; list it once"))
        problems += found
        if product is not None and not found:
            products[product.sku] = product
            levels.append(StockLevel(sku=product.sku, units=units, discontinued=product.discontinued))
    if problems:
        raise CatalogError(problems)
    take_in = _stock_intake()
    with transaction.atomic():
        summary = _write(products)
        _write_search_words(search_words)
        take_in(levels)
    return summary


def _stock_intake() -> Callable[[list[StockLevel]], object]:
    # Without it every product would be in the catalog and none in the warehouse, and every order would be refused.
    intake: Callable[[list[StockLevel]], object] = import_string(_required_setting())
    return intake


def _required_setting() -> str:
    path = getattr(settings, "ORDERLY_STOCK_INTAKE", "")
    if not path:
        raise ImproperlyConfigured(
            "ORDERLY_STOCK_INTAKE is not set; name the callable that takes the catalog's stock, "
            "for example 'shipping.stock.take_in'."
        )
    return str(path)


def _read_content(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        raise CatalogError([Problem("", f"cannot read {shown(str(path))}: {error.strerror}")]) from error
    except (ValueError, RecursionError) as error:
        raise CatalogError([Problem("", f"{shown(str(path))} {_why_no_json(error)}")]) from error


def _rows_of(content: Any) -> list[Any]:
    rows = content.get("products") if isinstance(content, dict) else None
    if not isinstance(rows, list) or not rows:
        raise CatalogError([Problem("products", "must be a list of at least one product")])
    return rows


def _read_search_words(content: Any) -> tuple[dict[str, str], list[Problem]]:
    """Words by category or SKU, and what is wrong with them; a file need not have any."""
    given = content.get("search_words", {}) if isinstance(content, dict) else {}
    if not isinstance(given, dict):
        return {}, [Problem("search_words", "must be an object: a category or SKU, and its words")]
    wrong = [
        Problem(f"search_words.{plain(subject)}", f"must be text of 1 to {LONGEST_WORDS:,} characters")
        for subject, words in given.items()
        if not isinstance(words, str)
        or not 0 < len(words.strip()) <= LONGEST_WORDS
        or not 0 < len(subject) <= TEXT_LIMITS["category"]
        or not is_storable_text(subject + words)
    ]
    return ({subject: words.strip() for subject, words in given.items()} if not wrong else {}), wrong


def _write_search_words(given: dict[str, str]) -> None:
    SearchWords.objects.bulk_create(
        [SearchWords(subject=subject, words=words) for subject, words in given.items()],
        update_conflicts=True,
        unique_fields=["subject"],
        update_fields=["words"],
    )


def _why_no_json(error: Exception) -> str:
    match error:
        case json.JSONDecodeError():
            return f"is not JSON: {error}"
        case UnicodeDecodeError():
            return "is not text in UTF-8; save it as such"
        case RecursionError():
            return "is nested too deeply; write a list of products"
        case _:
            return "has a number with too many digits; write a smaller one"


def _read_product(row: Any, place: str) -> tuple[list[Problem], Product | None, int]:
    if not isinstance(row, dict):
        return [Problem(place, "must be an object")], None, 0
    problems: list[Problem] = []

    def wrong(field: str, message: str) -> None:
        problems.append(Problem(f"{place}.{field}", message))

    for field, most in TEXT_LIMITS.items():
        value = row.get(field, "" if field not in ("sku", "name") else None)
        required = field in ("sku", "name")
        if (
            not isinstance(value, str)
            or len(value) > most
            or (required and not value.strip())
            or not is_storable_text(value)
        ):
            wrong(field, f"must be text of {1 if required else 0} to {most} characters")
    price, currency = 0, row.get("currency")
    if not isinstance(currency, str):
        currency = ""
    try:
        if not currency:
            raise UnknownCurrency("must be a currency code of three capital letters such as USD")
        price = to_minor_units(row.get("unit_price"), currency)
    except UnknownCurrency as error:
        wrong("currency", str(error))
        currency = ""
    except ValueError as error:
        wrong("unit_price", str(error))
    units = row.get("units_in_stock")
    if type(units) is not int or not 0 <= units <= MOST_UNITS:
        wrong("units_in_stock", f"must be a whole number from 0 to {MOST_UNITS}")
    discontinued = row.get("discontinued", False)
    if not isinstance(discontinued, bool):
        wrong("discontinued", "must be true or false")
    if problems or not isinstance(units, int):
        return problems, None, 0
    product = Product(
        sku=row["sku"].strip(),
        name=row["name"].strip(),
        category=row.get("category", ""),
        quantity_per_unit=row.get("quantity_per_unit", ""),
        price_minor=price,
        currency=currency,
        discontinued=discontinued,
    )
    return [], product, units


_FIELDS = ("name", "category", "quantity_per_unit", "price_minor", "currency", "discontinued")


def _write(products: dict[str, Product]) -> ImportedCatalog:
    known = {product.sku: product for product in Product.objects.select_for_update().filter(sku__in=products)}
    created = [product for sku, product in products.items() if sku not in known]
    updated = []
    for sku, old in known.items():
        new = products[sku]
        if any(getattr(old, field) != getattr(new, field) for field in _FIELDS):
            for field in _FIELDS:
                setattr(old, field, getattr(new, field))
            updated.append(old)
    Product.objects.bulk_create(created)
    Product.objects.bulk_update(updated, _FIELDS)
    return ImportedCatalog(created=len(created), updated=len(updated), unchanged=len(known) - len(updated))
