"""Money as every app counts and writes it: whole minor units of a currency of ISO 4217.

The one table of currencies is here, below all apps, because they are strangers to each other and must agree on it. Pure; the engine itself
does not use it.
"""

from orchestration.money.amounts import HIGHEST_MINOR, format_minor, to_minor_units
from orchestration.money.currencies import UnknownCurrency, known_currency, minor_digits

__all__ = [
    "HIGHEST_MINOR",
    "UnknownCurrency",
    "format_minor",
    "known_currency",
    "minor_digits",
    "to_minor_units",
]
