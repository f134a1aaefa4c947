"""How many digits the minor unit of a currency has: the table of ISO 4217, as its maintainers publish it."""

from __future__ import annotations

from orchestration.extras import missing

try:
    from iso4217 import raw_table
except ImportError as error:
    raise ImportError(missing("iso4217", "money")) from error

# Metals, funds and codes for tests have no minor unit ("N.A."): nothing can be paid in them.
_DIGITS: dict[str, int] = {
    code: int(digits)
    for code, entry in raw_table.items()
    if isinstance(digits := entry["CcyMnrUnts"], str) and digits.isdigit()
}


class UnknownCurrency(ValueError):
    """No currency of ISO 4217 that can be paid in has this code."""


def minor_digits(currency: str) -> int:
    """Return the digits of the minor unit: 2 for USD, 0 for XOF, 3 for IQD.

    Raises:
        UnknownCurrency: there is no such currency; nothing is guessed.
    """
    if currency not in _DIGITS:
        raise UnknownCurrency(f"{currency} is no currency of ISO 4217, such as USD")
    return _DIGITS[currency]


def known_currency(currency: str) -> str:
    """Return the code itself, if it is that of a currency; for use as a validator.

    Raises:
        UnknownCurrency: it is not.
    """
    minor_digits(currency)
    return currency
