"""Amounts: one table of currencies for page, gateway and mail, and nothing guessed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from notifications.contracts import OrderNews
from notifications.models import Kind
from notifications.rendering import render
from orchestration.money import UnknownCurrency, format_minor, minor_digits, to_minor_units
from orders.errors import CatalogError
from orders.services.catalog import import_catalog
from payments.contracts import CapturePayment

ISO_4217 = {
    "USD": 2,
    "EUR": 2,
    "XOF": 0,
    "XAF": 0,
    "XPF": 0,
    "JPY": 0,
    "UGX": 0,
    "IQD": 3,
    "LYD": 3,
    "KWD": 3,
    "CLF": 4,
}
NONE = ["ABC", "XAU", "XXX", "XTS", "usd", "US", "", "USDX", "DEM"]


@pytest.mark.parametrize(("currency", "digits"), ISO_4217.items())
def test_the_minor_unit_is_that_of_iso_4217(currency: str, digits: int) -> None:
    assert minor_digits(currency) == digits


@pytest.mark.parametrize(
    ("price", "currency", "minor", "shown"),
    [
        ("5000", "XOF", 5000, "5,000 XOF"),
        ("12.34", "IQD", 12340, "12.340 IQD"),
        ("0.05", "USD", 5, "0.05 USD"),
        ("1234.5", "EUR", 123450, "1,234.50 EUR"),
        ("1234", "JPY", 1234, "1,234 JPY"),
        ("0", "KWD", 0, "0.000 KWD"),
    ],
)
def test_catalog_page_and_mail_say_one_amount(price: str, currency: str, minor: int, shown: str) -> None:
    assert to_minor_units(price, currency) == minor
    assert format_minor(minor, currency) == shown
    news = OrderNews(
        order_id="3b241101-e2bb-4255-8caf-4136c566a962",  # type: ignore[arg-type]  # as JSON carries it
        reference="NW-1",
        email="a@example.com",
        customer_name="Ada",
        lines=(),
        amount_minor=minor,
        currency=currency,
    )
    assert f"Total {shown}\n" in render(Kind.ORDER_SHIPPED, news).text


@pytest.mark.parametrize("currency", NONE)
def test_an_unknown_currency_is_refused_and_never_guessed(currency: str) -> None:
    with pytest.raises(UnknownCurrency):
        to_minor_units("5.00", currency)
    with pytest.raises(ValidationError):
        CapturePayment.model_validate(
            {
                "order_id": "3b241101-e2bb-4255-8caf-4136c566a962",
                "authorization_id": "a",
                "amount_minor": 5,
                "currency": currency,
            }
        )
    assert format_minor(5, currency) == f"5 {currency} (minor units)"


@pytest.mark.parametrize("currency", NONE)
def test_a_catalog_in_an_unknown_currency_is_refused(tmp_path: Path, currency: str) -> None:
    row = {"sku": "S", "name": "N", "unit_price": "5.00", "units_in_stock": 1, "currency": currency}
    path = tmp_path / "catalog.json"
    path.write_text(json.dumps({"products": [row]}))
    with pytest.raises(
        CatalogError, match=r"currency: (.* is no currency of ISO 4217|must be a currency code)"
    ):
        import_catalog(path=path)
