"""Amounts for people. The app keeps minor units everywhere else. Pure."""

from __future__ import annotations

MINOR_DIGITS = {
    **dict.fromkeys(("CLP", "ISK", "JPY", "KRW", "VND"), 0),
    **dict.fromkeys(("BHD", "JOD", "KWD", "OMR", "TND"), 3),
}
"""Digits of the minor unit (ISO 4217) where they are not two."""


def format_minor(minor: int, currency: str) -> str:
    """An amount for people, e.g. `1,234.50 USD`. Whole numbers all the way."""
    digits = MINOR_DIGITS.get(currency, 2)
    whole, rest = divmod(minor, 10**digits)
    return f"{whole:,}.{rest:0{digits}} {currency}" if digits else f"{whole:,} {currency}"
