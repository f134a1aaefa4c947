"""Payments and orders say an amount alike, though neither app knows the other."""

from __future__ import annotations

import pytest

from orders import money as in_orders
from payments import money as in_payments


def test_they_know_the_same_currencies() -> None:
    assert in_payments.MINOR_DIGITS == in_orders.MINOR_DIGITS


@pytest.mark.parametrize("minor", [0, 1, 99, 100, 123_456, 1_000_000_005])
@pytest.mark.parametrize("currency", ["USD", "JPY", "KWD"])
def test_they_write_the_same_amount(minor: int, currency: str) -> None:
    assert in_payments.format_minor(minor, currency) == in_orders.format_minor(minor, currency)
