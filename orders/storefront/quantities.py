"""Reading a quantity that a person typed. Pure."""

from __future__ import annotations

import re

from orders.models.order import MOST_PER_LINE

SAY_QUANTITY = f"Enter a whole number from 1 to {MOST_PER_LINE:,}."

_WHOLE = re.compile(r"[0-9]{1,9}", re.ASCII)


class BadQuantity(ValueError):
    """What was typed is not a quantity; the message says what to type."""


def read_quantity(typed: str, *, least: int = 1) -> int:
    """The number typed, from `least` to 10,000.

    Raises:
        BadQuantity: anything else.
    """
    found = _WHOLE.fullmatch(typed.strip())
    if found is None or not least <= int(typed) <= MOST_PER_LINE:
        raise BadQuantity(SAY_QUANTITY)
    return int(typed)
