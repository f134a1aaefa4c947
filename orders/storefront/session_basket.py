"""The basket in the session: which products, how many, and the price the customer saw.

Whatever the session holds, reading it gives a valid basket: entries that are not are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from orders.models.order import MOST_PER_LINE
from orders.services.requests import MOST_LINES

SESSION_KEY = "basket"


class BasketFull(Exception):
    """The basket holds as many different products as one order may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """So many of one product."""

    sku: str
    quantity: int
    """1 to 10,000."""
    seen_minor: int
    """Price of one unit when it was put in or its quantity last changed, in minor units."""


class SessionBasket:
    """The basket of one browser. Changes are written to the session at once."""

    def __init__(self, request: HttpRequest) -> None:
        # Error pages may be drawn before there is a session.
        self._session: Any = getattr(request, "session", None)
        self._entries = {entry.sku: entry for entry in _read(self._session)}

    @property
    def entries(self) -> list[Entry]:
        """In the order in which they were put in."""
        return list(self._entries.values())

    @property
    def unit_count(self) -> int:
        """All units together."""
        return sum(entry.quantity for entry in self._entries.values())

    def quantity_of(self, sku: str) -> int:
        """Units of a product; 0 when it is not in the basket."""
        entry = self._entries.get(sku)
        return entry.quantity if entry is not None else 0

    def put(self, *, sku: str, quantity: int, price_minor: int) -> None:
        """Have exactly so many of a product in the basket.

        Raises:
            BasketFull: it is a new product and there is no room; nothing was changed.
        """
        if sku not in self._entries and len(self._entries) >= MOST_LINES:
            raise BasketFull(f"A basket holds at most {MOST_LINES} different products.")
        self._entries[sku] = Entry(sku=sku, quantity=quantity, seen_minor=price_minor)
        self._write()

    def remove(self, sku: str) -> None:
        """Take a product out; nothing happens when it is not in."""
        if self._entries.pop(sku, None) is not None:
            self._write()

    def clear(self) -> None:
        """Take everything out."""
        self._entries = {}
        self._session.pop(SESSION_KEY, None)

    def _write(self) -> None:
        self._session[SESSION_KEY] = [
            [entry.sku, entry.quantity, entry.seen_minor] for entry in self._entries.values()
        ]


def _read(session: Any) -> list[Entry]:
    stored = session.get(SESSION_KEY) if session is not None else None
    if not isinstance(stored, list):
        return []
    return [entry for entry in map(_read_entry, stored[:MOST_LINES]) if entry is not None]


def _read_entry(stored: Any) -> Entry | None:
    match stored:
        case [str(sku), int(quantity), int(seen)] if (
            sku and "\0" not in sku and 1 <= quantity <= MOST_PER_LINE
        ):
            return Entry(sku=sku, quantity=quantity, seen_minor=seen)
    return None
