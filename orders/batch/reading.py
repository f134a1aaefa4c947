"""Reading a file of orders, one JSON object a line: a bad line is reported with its number and stops nobody else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from orders.errors import InvalidOrder
from orders.services.request_problems import read_order
from orders.services.requests import PlaceOrder
from orders.strict_json import LARGEST_BODY, MalformedJson, read_json

DEFAULT_CARD = "card_ok"
"""The file's orders come from before there were card tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLine:
    """One line: an order to place, or why it is none."""

    number: int
    """Counted from 1."""
    request: PlaceOrder | None
    reason: str


STANDARD_INPUT = Path("-")


def read_lines(path: Path) -> Iterator[FileLine]:
    """Yield the lines of a file that are not blank; `-` is standard input. A pipe is read as it is, once.

    Raises:
        OSError: the file cannot be read.
    """
    opened = nullcontext(sys.stdin.buffer) if path == STANDARD_INPUT else path.open("rb")
    with opened as file:
        for number, raw in enumerate(file, start=1):
            if raw.strip():
                yield _read_line(number, raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw)


def _read_line(number: int, raw: bytes) -> FileLine:
    if len(raw) > LARGEST_BODY:
        return FileLine(number=number, request=None, reason=f"the line is longer than {LARGEST_BODY} bytes")
    try:
        content = read_json(raw.strip())
        if isinstance(content, dict):
            content.setdefault("card", DEFAULT_CARD)
        return FileLine(number=number, request=read_order(content), reason="")
    except (MalformedJson, InvalidOrder) as error:
        return FileLine(number=number, request=None, reason=str(error))
