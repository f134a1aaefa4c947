"""The request to place an order: which fields there are and what each may hold.

Strict where it matters: a quantity is a whole number and nothing that merely looks like one, an unknown field is an
error, and a price is never taken from the client (fields that carry one are dropped before anything reads them).
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from datetime import date
from typing import Annotated, Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.validators import validate_email
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from notifications.contracts import why_not_mailable
from orchestration.money import known_currency
from orders.models.order import MOST_PER_LINE

MOST_LINES = 100

PRICE_FIELDS = frozenset(
    {
        "price",
        "price_minor",
        "unit_price",
        "unit_price_minor",
        "line_total",
        "line_total_minor",
        "total",
        "total_minor",
    }
)
"""Sent by shops that show a price; dropped, because only our catalog decides what something costs."""


_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They turn round what stands beside them, on whatever page that is."""
_NO_TEXT = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Control characters: a NUL cannot be stored, and a line break could forge an e-mail header or a log line. And halves of characters,
characters for private use, and those that are none (yet)."""

_INVISIBLE = (
    (0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200F),
    (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8),
    (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
    # No default-ignorable ones, and blank all the same: a braille cell without dots, a note without a head, blank hieroglyphs, and
    # what stands for an object that is not there.
    (0x2800, 0x2800), (0x1D159, 0x1D159), (0x13441, 0x13442), (0xFFFC, 0xFFFC),
)  # fmt: skip
"""Unicode's Default_Ignorable_Code_Point, which Python does not tell, and what else is a letter, a number or a sign and shows nothing."""


def _readable(text: str) -> str:
    if any(character in _BIDI_CONTROLS or unicodedata.category(character) in _NO_TEXT for character in text):
        raise ValueError("characters that are not text")
    # Joiners and accents belong to many names; alone they show nothing.
    if text and not any(
        unicodedata.category(character)[0] in "LNPS" and not _is_invisible(character) for character in text
    ):
        raise ValueError("nothing that can be seen")
    return text


def _is_invisible(character: str) -> bool:
    """Whether a letter or sign shows nothing by itself."""
    return any(first <= ord(character) <= last for first, last in _INVISIBLE)


def _no_card_number(token: str) -> str:
    if re.search(r"\d{13}", token.replace("_", "")):
        raise ValueError("a card number")
    return token


def _written_date(value: Any) -> Any:
    # Not a number of seconds, which pydantic would take as well: 0 is no day in 1970.
    if isinstance(value, date) or (
        isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII)
    ):
        return value
    raise ValueError("no date")


def _email(text: str) -> str:
    try:
        validate_email(text)
    except DjangoValidationError as error:
        raise ValueError("e-mail") from error
    if why_not_mailable(text):
        raise ValueError("e-mail")
    return text


def _none_if_blank(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _without_prices(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: content for name, content in value.items() if name not in PRICE_FIELDS}
    return value


def _not_too_many(value: Any) -> Any:
    # Counted before any of them is looked at: thousands of wrong ones would make an answer a hundred times as long as the request.
    if isinstance(value, list | tuple) and len(value) > MOST_LINES:
        raise PydanticCustomError("too_long", "too many lines")
    return value


def _text(most: int) -> Any:
    return StringConstraints(strip_whitespace=True, min_length=1, max_length=most)


Plain = AfterValidator(_readable)
Name = Annotated[str, _text(200), Plain]
Short = Annotated[str, _text(100), Plain]
MaybeShort = Annotated[Short | None, BeforeValidator(_none_if_blank)]
Sku = Annotated[str, _text(64), Plain]
Email = Annotated[str, _text(254), Plain, AfterValidator(_email)]
Reference = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
CardToken = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{2,63}$"), AfterValidator(_no_card_number)
]
WrittenDate = Annotated[date, BeforeValidator(_written_date)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$"), AfterValidator(known_currency)]
Quantity = Annotated[int, Field(ge=1, le=MOST_PER_LINE, strict=True)]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Customer(_Closed):
    """Who orders."""

    name: Name
    email: Email
    code: MaybeShort = None
    contact: MaybeShort = None


class Address(_Closed):
    """Where to send it."""

    name: Name
    line1: Name
    city: Short
    region: MaybeShort = None
    postal_code: MaybeShort = None
    country: Short


class Line(_Closed):
    """So many of one product. A price sent with it is ignored."""

    sku: Sku
    quantity: Quantity

    _ignore_prices = model_validator(mode="before")(_without_prices)


class PlaceOrder(_Closed):
    """An order to be placed. Prices come from the catalog; a price or total sent with it is ignored."""

    reference: Reference | None = None
    """Your own number for it, unique over your orders where you send a token; one is made when you send none."""
    customer: Customer
    ship_to: Address
    carrier: MaybeShort = None
    card: CardToken
    """The payment provider's token for the card, e.g. `card_ok`; never a card number."""
    currency: Currency | None = None
    """When given, the order is refused unless our prices are in this currency."""
    required_by: WrittenDate | None = None
    placed_at: WrittenDate | None = None
    """Accepted from older data and not used: our clock decides when an order was placed."""
    lines: Annotated[
        tuple[Line, ...], BeforeValidator(_not_too_many), Field(min_length=1, max_length=MOST_LINES)
    ]

    _ignore_prices = model_validator(mode="before")(_without_prices)

    def content_hash(self) -> str:
        """SHA-256 of what was asked for. Layout, order of fields and ignored fields do not count."""
        content = self.model_dump(mode="json", exclude={"placed_at"})
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
