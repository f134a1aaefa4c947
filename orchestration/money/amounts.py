"""Money is a whole number of a currency's minor units; decimals exist only at the borders, and never as floats. Pure."""

from __future__ import annotations

import re
from decimal import Decimal

from orchestration.money.currencies import UnknownCurrency, minor_digits

HIGHEST_MINOR = 1_000_000_000
"""Of one price: ten million in a currency of cents. With 100 lines of 10,000 a total stays exact for JSON readers."""

_WRITTEN = re.compile(r"-?[0-9]{1,60}(\.[0-9]{1,60})?([eE][+-]?[0-9]{1,2})?", re.ASCII)


def to_minor_units(price: object, currency: str) -> int:
    """A decimal price in minor units, exactly.

    Raises:
        UnknownCurrency: there is no such currency.
        ValueError: not a decimal number, negative, too high, or finer than the currency's minor unit.
    """
    if isinstance(price, bool) or not isinstance(price, str | int | Decimal):
        raise ValueError('must be a decimal number such as "18.00"')
    digits = minor_digits(currency)
    if isinstance(price, str) and _WRITTEN.fullmatch(price) is None:
        # Python also reads "1_000", spaces around it and the digits of every script.
        raise ValueError('must be a decimal number such as "18.00"')
    amount = Decimal(price)
    if not amount.is_finite() or amount < 0 or amount > Decimal(HIGHEST_MINOR).scaleb(-digits):
        raise ValueError(f"must be from 0 to {Decimal(HIGHEST_MINOR).scaleb(-digits):f}")
    # In whole numbers: decimal arithmetic would round a long fraction to its context's precision first.
    _, figures, exponent = amount.as_tuple()
    whole = int("".join(map(str, figures)))
    shift = int(exponent) + digits
    if whole == 0 or shift >= 0:
        return int(whole * 10 ** max(shift, 0)) if whole else 0
    if shift < -len(figures) or whole % 10**-shift:
        raise ValueError(
            f"has more than {digits} decimals, and {currency} has no coin that small; round it yourself"
        )
    return int(whole // 10**-shift)


def format_minor(minor: int, currency: str) -> str:
    """Return an amount for people, e.g. `1,234.50 USD`; of a currency nobody knows, the minor units themselves."""
    try:
        digits = minor_digits(currency)
    except UnknownCurrency:
        return f"{minor:,} {currency} (minor units)"
    return f"{Decimal(minor).scaleb(-digits):,.{digits}f} {currency}"
