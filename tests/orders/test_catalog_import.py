"""Importing a catalog: exact prices, all or nothing, and the same file twice is the same catalog."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from orchestration.money import format_minor, to_minor_units
from orders.errors import CatalogError
from orders.models import Product
from orders.services.catalog import import_catalog
from shipping.contracts import StockLevel

NORTHWIND = Path(__file__).resolve().parents[2] / "orders" / "fixtures" / "northwind" / "catalog.json"
GOOD = {
    "sku": "A-1",
    "name": "Chai",
    "unit_price": "18.00",
    "currency": "USD",
    "units_in_stock": 39,
    "discontinued": False,
}

handed_over: list[list[StockLevel]] = []


def take_in(levels: list[StockLevel]) -> None:
    handed_over.append(levels)


@pytest.fixture(autouse=True)
def intake(settings: Settings) -> None:
    settings.ORDERLY_STOCK_INTAKE = f"{__name__}.take_in"
    handed_over.clear()


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def to_file(*products: Any) -> Path:
        path = tmp_path / "catalog.json"
        path.write_text(json.dumps({"products": list(products)}))
        return path

    return to_file


@pytest.mark.django_db
def test_northwind_is_imported_to_the_cent_and_its_stock_handed_over() -> None:
    out = io.StringIO()
    call_command("import_catalog", str(NORTHWIND), stdout=out)
    assert json.loads(out.getvalue().splitlines()[-1]) == {"created": 77, "updated": 0, "unchanged": 0}
    rows = json.loads(NORTHWIND.read_text())["products"]
    assert {p.sku: p.price_minor for p in Product.objects.all()} == {
        row["sku"]: int(Decimal(row["unit_price"]) * 100) for row in rows
    }
    assert handed_over == [
        [StockLevel(sku=r["sku"], units=r["units_in_stock"], discontinued=r["discontinued"]) for r in rows]
    ]


@pytest.mark.django_db
def test_importing_again_changes_nothing_and_a_new_price_is_taken_over(write: Any) -> None:
    import_catalog(path=write(GOOD))
    again = import_catalog(path=write(GOOD))
    assert (again.created, again.updated, again.unchanged) == (0, 0, 1)
    dearer = import_catalog(path=write({**GOOD, "unit_price": "18.50"}))
    assert (dearer.created, dearer.updated, dearer.unchanged) == (0, 1, 0)
    assert Product.objects.get().price_minor == 1850


@pytest.mark.django_db
def test_one_wrong_product_among_good_ones_stops_everything_and_every_fault_is_named(write: Any) -> None:
    path = write(GOOD, {**GOOD, "sku": "A-2", "unit_price": "0.005", "units_in_stock": True}, GOOD, 7)
    with pytest.raises(CommandError) as error:
        call_command("import_catalog", str(path))
    message = str(error.value)
    assert "nothing was imported, because of 4 problem(s)" in message
    assert "products[1].unit_price: has more than 2 decimals" in message
    assert "products[1].units_in_stock: must be a whole number" in message
    assert "products[2].sku: 'A-1' is listed twice" in message
    assert "products[3]: must be an object" in message
    assert not Product.objects.exists()
    assert handed_over == []


@pytest.mark.django_db
def test_when_the_warehouse_refuses_the_catalog_is_not_changed_either(write: Any, settings: Settings) -> None:
    settings.ORDERLY_STOCK_INTAKE = f"{__name__}.refuse"
    with pytest.raises(RuntimeError, match="no room"):
        import_catalog(path=write(GOOD))
    assert not Product.objects.exists()


def refuse(levels: list[StockLevel]) -> None:
    raise RuntimeError("no room")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sku": ""}, "sku: must be text of 1 to 64"),
        ({"sku": 5}, "sku: must be text of 1 to 64"),
        ({"sku": "x" * 65}, "sku: must be text of 1 to 64"),
        ({"name": "a\0b"}, "name: must be text"),
        ({"currency": "usd"}, "currency: usd is no currency of ISO 4217"),
        ({"currency": None}, "currency: must be a currency code"),
        ({"unit_price": "-1"}, "unit_price: must be from 0 to"),
        ({"unit_price": "NaN"}, "unit_price: must be a decimal number"),
        ({"unit_price": "1e99"}, "unit_price: must be from 0 to"),
        ({"unit_price": "dear"}, "unit_price: must be a decimal number"),
        ({"unit_price": True}, "unit_price: must be a decimal number"),
        ({"unit_price": None}, "unit_price: must be a decimal number"),
        ({"units_in_stock": -1}, "units_in_stock: must be a whole number"),
        ({"units_in_stock": 1.5}, "units_in_stock: must be a whole number"),
        ({"units_in_stock": "3"}, "units_in_stock: must be a whole number"),
        ({"discontinued": "no"}, "discontinued: must be true or false"),
    ],
)
@pytest.mark.django_db
def test_each_fault_is_said_with_its_field(write: Any, change: dict[str, Any], said: str) -> None:
    with pytest.raises(CatalogError) as error:
        import_catalog(path=write({**GOOD, **change}))
    assert said in str(error.value)
    assert not Product.objects.exists()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"products": []}', '{"products": {}}', "\x00", "[" * 100_000]
)
def test_a_file_that_is_no_catalog_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "catalog.json"
    path.write_text(text)
    with pytest.raises(CatalogError):
        import_catalog(path=path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="cannot read"):
        import_catalog(path=tmp_path / "none.json")


@pytest.mark.parametrize(
    ("price", "currency", "minor"),
    [
        ("18.00", "USD", 1800),
        ("18.1", "USD", 1810),
        ("18.100", "USD", 1810),
        (Decimal("0.29"), "USD", 29),
        (18, "USD", 1800),
        ("0", "USD", 0),
        ("0.000", "USD", 0),
        ("1800", "JPY", 1800),
        ("1.234", "KWD", 1234),
        ("10000000.00", "USD", 10**9),
        ("1e3", "USD", 100_000),
    ],
)
def test_prices_become_minor_units_exactly(price: object, currency: str, minor: int) -> None:
    assert to_minor_units(price, currency) == minor


@pytest.mark.parametrize(
    ("price", "currency"),
    [
        ("0.005", "USD"),
        ("1.5", "JPY"),
        ("10000000.01", "USD"),
        (1.5, "USD"),
        ("1." + "0" * 40 + "1", "USD"),
        ("Infinity", "USD"),
        ("1_000", "USD"),
        (" 18.00", "USD"),
        ("\u0661\u0668", "USD"),
        ("18.", "USD"),
    ],
)
def test_prices_that_would_be_rounded_are_refused(price: object, currency: str) -> None:
    with pytest.raises(ValueError, match=r"decimals|from 0 to|decimal number"):
        to_minor_units(price, currency)


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (123450, "USD", "1,234.50 USD"),
        (5, "USD", "0.05 USD"),
        (1800, "JPY", "1,800 JPY"),
        (1234, "KWD", "1.234 KWD"),
    ],
)
def test_minor_units_are_shown_in_the_coins_of_their_currency(minor: int, currency: str, shown: str) -> None:
    assert format_minor(minor, currency) == shown
