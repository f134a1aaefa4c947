"""What is wrong with a request, in words that say which field, what is wrong and what to do.

Built from pydantic's findings, without repeating the value that was sent: it may be a card number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from orders.errors import MOST_PROBLEMS, InvalidOrder, Problem, first_of
from orders.models.order import MOST_PER_LINE
from orders.services.requests import MOST_LINES, PlaceOrder

EXPECTED = {
    "reference": "must be 1 to 64 letters, digits, dots, hyphens or underscores, beginning with a letter or digit",
    "customer": "must be an object with name and email",
    "name": "must be text of 1 to 200 characters without control characters",
    "email": "must be an e-mail address such as ana@example.com",
    "code": "must be text of at most 100 characters",
    "contact": "must be text of at most 100 characters",
    "ship_to": "must be an object with name, line1, city and country (region and postal_code are optional)",
    "line1": "must be text of 1 to 200 characters without control characters",
    "city": "must be text of 1 to 100 characters without control characters",
    "region": "must be text of at most 100 characters, or left out",
    "postal_code": "must be text of at most 100 characters, or left out",
    "country": "must be text of 1 to 100 characters without control characters",
    "carrier": "must be text of at most 100 characters, or left out",
    "card": "must be the payment provider's token, such as card_ok; never send a card number",
    "currency": "must be a currency code of three capital letters such as USD, or left out",
    "required_by": "must be a date such as 1996-08-01, or left out",
    "placed_at": "must be a date such as 1996-07-04, or left out (it is not used)",
    "lines": f"must be a list of 1 to {MOST_LINES} lines, each with sku and quantity",
    "line": "must be an object with sku and quantity",
    "sku": "must be the SKU of a product, text of 1 to 64 characters",
    "quantity": f"must be a whole number from 1 to {MOST_PER_LINE}, written without quotes or decimals",
    "limit": "must be a whole number from 1 to 100",
    "cursor": "must be the next_cursor of an earlier page; leave it out for the first page",
    "status": "must be one of placed, confirmed, backordered, shipped, withdrawn, cancelled; or left out",
    "order_id": "must be the order's id, a UUID as given when it was placed",
    "reason": "must be text of at most 200 characters, or left out",
}
"""What each field must hold, to be read after the field's name."""


def path_of(location: Sequence[str | int]) -> str:
    """`("lines", 0, "sku")` as `lines[0].sku`."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path.lstrip(".")


def problem_of(*, kind: str, location: Sequence[str | int]) -> Problem:
    """One of pydantic's findings, in words."""
    last = location[-1] if location else 0
    expected = EXPECTED.get(
        "line" if isinstance(last, int) else last, "must have another form; see /api/docs"
    )
    if not location:
        return Problem("", "the request must be a JSON object; see /api/docs for its fields")
    if kind == "missing":
        return Problem(path_of(location), f"is missing; it {expected}")
    if kind == "extra_forbidden":
        return Problem(
            path_of(location)[:200], "is not a field of this request; leave it out (see /api/docs)"
        )
    return Problem(path_of(location), expected)


def problems_of(findings: Sequence[tuple[str, Sequence[str | int]]]) -> list[Problem]:
    """The first of pydantic's findings, each a kind and a location, in words; and how many more there are."""
    problems, more = _in_words(findings)
    return first_of(problems, more=more)


def _in_words(findings: Sequence[tuple[str, Sequence[str | int]]]) -> tuple[list[Problem], int]:
    more = max(len(findings) - MOST_PROBLEMS, 0)
    findings = findings[:MOST_PROBLEMS]
    places = [tuple(location) for _, location in findings]

    def is_consequence(kind: str, location: Sequence[str | int]) -> bool:
        # Lines that are wrong are not counted, so a list of one bad line would also be called too short.
        parent = tuple(location)
        return kind == "too_short" and any(p != parent and p[: len(parent)] == parent for p in places)

    return [
        problem_of(kind=kind, location=location)
        for kind, location in findings
        if not is_consequence(kind, location)
    ], more


def read_order(content: Any) -> PlaceOrder:
    """The order a piece of JSON describes.

    Raises:
        InvalidOrder: naming every field that is wrong.
    """
    try:
        return PlaceOrder.model_validate(content)
    except ValidationError as error:
        findings = error.errors(include_url=False, include_input=False, include_context=False)
        problems, more = _in_words([(f["type"], f["loc"]) for f in findings])
        raise InvalidOrder(problems, more=more) from None
