"""Making what a step says storable: whatever its errors and results hold, they can be written down. Pure.

A step speaks for somebody else's system, and PostgreSQL keeps neither a zero character nor half a surrogate pair, JSON knows neither a
UUID nor NaN, and nobody wants eight megabytes of an error page in each entry of a history. What could not be stored was not stored at all,
and with it was lost that the step had failed.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel

_Each = TypeVar("_Each")

LONGEST_MESSAGE = 2_000
"""Characters of an error's message: it stands in the row, in the history and on pages, once for each attempt."""
LONGEST_CODE = 100
LONGEST_TRACEBACK = 20_000
MOST_ERROR_BYTES = 16_384
"""Of an error's data, as JSON."""
MOST_BYTES = 262_144
"""Of an input, a command or a result, as JSON: every step behind it loads them all."""
DEEPEST = 40
"""Levels of nested data."""
MOST_VALUES = 300_000
"""In one piece of data: what refers to the same parts again and again has more of them than anybody could write down."""
LONGEST_KEY = 200
"""Characters of a key in an error's data."""
SIGN = "\ufffd"
"""Stands for a character that cannot be stored."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_LARGEST = 10**300
"""A number beyond it is kept as text: JSON's readers make it infinite."""


def storable_text(value: object, longest: int) -> str:
    """Return a text that the database can keep: unstorable characters replaced, and cut at `longest` with a word about the rest."""
    try:
        text = value if isinstance(value, str) else str(value)
    except Exception as error:  # an error's own __str__ may be what is broken
        text = f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"
    text = _UNSTORABLE.sub(SIGN, text)
    if len(text) <= longest:
        return text
    told = f" … ({len(text)} characters, cut)"
    return text[: max(longest - len(told), 0)] + told


def is_storable_text(text: str) -> bool:
    """Whether the database can keep a text as it is."""
    return _UNSTORABLE.search(text) is None


def storable(value: object) -> Any:
    """Return a value as JSON that the database can keep. Types that JSON does not know become texts; nothing is left out.

    Idempotent. Costs one walk over the value, which may hold itself.
    """
    return _Walk().storable(value, DEEPEST)


def storable_data(value: object, most_bytes: int) -> dict[str, Any]:
    """Return an error's data as a storable JSON object; what is larger than `most_bytes` is replaced by its beginning."""
    found = storable(value)
    data: dict[str, Any] = found if isinstance(found, dict) else {"value": found}
    text = json.dumps(data, ensure_ascii=False)
    if len(text.encode()) <= most_bytes:
        return data
    return {"cut": storable_text(text, most_bytes // 4)}


def facts_of(message: BaseModel, written: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a message as a storable JSON object, whatever its fields hold and however it writes them.

    Args:
        message: which one.
        written: its JSON, where that is known.
    """
    found: object
    try:
        found = message.model_dump(mode="json") if written is None else written
    except Exception:  # of bytes that are no UTF-8, for example, or of a serializer of its own
        kept = {name for name, field in type(message).model_fields.items() if not field.exclude}
        found = {name: value for name, value in message if name in kept}
    if isinstance(found, dict) and _are_plain(found.values()):
        return found
    data: dict[str, Any] = _Walk(longest_key=MOST_BYTES).storable(found, DEEPEST)
    return data


def size_of(value: object) -> int:
    """Return how many bytes a storable value has as JSON."""
    return len(json.dumps(value, ensure_ascii=False).encode())


def is_small(facts: Mapping[str, Any]) -> bool:
    """Say whether a JSON object is surely far below MOST_BYTES: flat, with few and short values. Costs less than writing it out."""
    return len(facts) <= 50 and all(
        isinstance(value, int | float | None) or (isinstance(value, str) and len(value) <= 1_000)
        for value in facts.values()
    )


def cut_to_fit(data: dict[str, Any], most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    """Return storable data with its longest texts cut until it fits: for an effect that exists and must be recorded."""
    longest = most_bytes // 4
    while size_of(data) > most_bytes and longest > 16:
        data = _cut(data, longest)
        longest //= 2
    return data if size_of(data) <= most_bytes else {}


def _are_plain(values: Iterable[Any]) -> bool:
    """Whether values are surely storable as they are. Costs less than making them so, and nearly every field of a message is."""
    for value in values:
        kind = type(value)
        if kind is str:
            if _UNSTORABLE.search(value) is not None:
                return False
        elif not (value is None or kind is bool or (kind is int and -_LARGEST < value < _LARGEST)):
            return False
    return True


class _Walk:
    """One walk over a value: knows what it stands in, and for how much longer it may go on."""

    def __init__(self, longest_key: int = LONGEST_KEY) -> None:
        self.longest_key = longest_key
        self.left = MOST_VALUES
        self.around: set[int] = set()

    def storable(self, value: object, depth: int) -> Any:
        match value:
            case None | bool():
                return value
            case Enum():
                return self.storable(value.value, depth)
            case str():
                return value if _UNSTORABLE.search(value) is None else _UNSTORABLE.sub(SIGN, value)
            case int():
                return value if abs(value) < _LARGEST else storable_text(_digits(value), 400)
            case float():
                return value if math.isfinite(value) else str(value)
            case UUID() | Decimal():
                return str(value)
            case datetime() | date() | time():
                return value.isoformat()
            case timedelta():
                return value.total_seconds()
            case bytes() | bytearray() | memoryview():
                return f"<{len(value)} bytes>"
        if depth <= 0:
            return "<nested too deeply>"
        if id(value) in self.around:
            return "<itself>"
        self.around.add(id(value))
        try:
            return self._of_many(value, depth - 1)
        except Exception as error:  # its own methods may be what is broken
            return f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"
        finally:
            self.around.discard(id(value))

    def _of_many(self, value: object, depth: int) -> Any:
        match value:
            case BaseModel():
                return self.storable(value.model_dump(), depth)
            case Mapping():
                return {
                    storable_text(key, self.longest_key): self.storable(each, depth)
                    for key, each in self._allowed(value.items())
                }
            case list() | tuple():
                return [self.storable(each, depth) for each in self._allowed(value)]
            case Set():
                return sorted((self.storable(each, depth) for each in self._allowed(value)), key=str)
        if is_dataclass(value) and not isinstance(value, type):
            return self.storable({each.name: getattr(value, each.name) for each in fields(value)}, depth)
        return storable_text(value, LONGEST_MESSAGE)

    def _allowed(self, many: Iterable[_Each]) -> Iterator[_Each]:
        """Give one after the other, until there were too many of all."""
        for each in many:
            if self.left <= 0:
                return
            self.left -= 1
            yield each


def _digits(value: int) -> str:
    return f"<an integer of {value.bit_length()} bits>"


def _cut(value: Any, longest: int) -> Any:
    match value:
        case str():
            return storable_text(value, longest)
        case dict():
            return {key: _cut(each, longest) for key, each in value.items()}
        case list():
            return [_cut(each, longest) for each in value]
    return value
