"""Messages there and back: made of what is stored, and held against what would be stored of them. Pure.

A message is stored as JSON and read by the next step. What comes back as something else, a text for a date or asterisks for a value, would
be that step's to suffer, in another process and after the effect; so it is refused where it is returned.
"""

from __future__ import annotations

import math
import traceback
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

from orchestration.core.plain_fields import is_plain
from orchestration.core.storable import DEEPEST, facts_of, storable_text
from orchestration.sentences import findings

_Message = TypeVar("_Message", bound=BaseModel)


class NotCarried(TypeError):
    """A message would not come back from the database as it is."""


def read_message(kind: type[_Message], values: Mapping[str, Any]) -> _Message:
    """Make a message of what is stored, or was sent.

    Raises:
        pydantic.ValidationError: it does not fit, whatever one of the type's own validators has raised.
    """
    try:
        return kind.model_validate(values)
    except ValidationError:
        raise
    except Exception as error:  # for example the KeyError of a validator that looks into a table
        frames = traceback.extract_tb(error.__traceback__)
        where = f"{frames[-1].name}, line {frames[-1].lineno}" if frames else "unknown"
        told = PydanticCustomError(
            "validator_broke",
            "a validator of {kind} fails with {error} in {where}",
            {"kind": kind.__name__, "error": type(error).__name__, "where": where},
        )
        raise ValidationError.from_exception_data(
            kind.__name__, [{"type": told, "loc": (), "input": None}]
        ) from error


def carried(message: _Message) -> tuple[_Message, dict[str, Any]]:
    """Return a message as it will come back, and its facts. Only characters that no database keeps may differ.

    Raises:
        NotCarried: anything else would; the message says what, and none of the values.
    """
    kind = type(message)
    try:
        written = message.model_dump(mode="json")
    except Exception as error:
        raise NotCarried(
            f"{kind.__name__} cannot be written as JSON: {storable_text(error, 200)}. Bytes belong into a Base64Bytes field"
        ) from error
    kept = facts_of(message, written)
    same = written == kept
    if same and is_plain(kind):
        return message, kept
    if not same and not _only_cleaned(written, kept):
        raise NotCarried(
            f"{kind.__name__} holds more than {DEEPEST} levels of data, or a number that JSON has no room for; store it in a row of your own"
        )
    try:
        back = read_message(kind, kept)
    except ValidationError as error:
        raise NotCarried(
            f"{kind.__name__} cannot be read back from what is stored of it: {'; '.join(findings(error))}"
        ) from None
    if same and (name := next(_changed(message, back), None)) is not None:
        raise NotCarried(
            f"{kind.__name__}.{name} comes back from the database as another value than it is: it is stored as JSON. "
            "Give the field one type that JSON and pydantic carry both ways, such as str, int, Decimal or datetime"
        )
    return back, kept


def _changed(message: BaseModel, back: BaseModel) -> Iterator[str]:
    """Name the fields that are not alike."""
    for name in type(message).model_fields:
        if not _alike(getattr(message, name), getattr(back, name)):
            yield name
    if _kept_apart(message) != _kept_apart(back):
        yield next(iter(_kept_apart(message)), "extra")


def _kept_apart(message: BaseModel) -> dict[str, Any]:
    return dict(message.__pydantic_extra__ or {}) | dict(message.__pydantic_private__ or {})


def _alike(one: Any, other: Any) -> bool:
    """Whether two values are the same to who uses them: equal, and of one kind."""
    match one, other:
        case (list() | tuple(), list() | tuple()):
            return len(one) == len(other) and all(map(_alike, one, other))
        case (dict(), dict()):
            return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
        case (float(), float()):
            return one == other or (math.isnan(one) and math.isnan(other))
    if type(one) is not type(other):
        return False
    compares = any("__eq__" in vars(kind) for kind in type(one).__mro__[:-1])
    return not compares or bool(one == other)


def _only_cleaned(written: Any, kept: Any) -> bool:
    """Whether nothing but characters that cannot be stored, and numbers that are none, is written otherwise."""
    match written, kept:
        case (str(), str()):
            return len(written) == len(kept)
        case (float(), str()):
            return not math.isfinite(written)
        case (dict(), dict()):
            pairs = zip(written.values(), kept.values(), strict=False)
            return len(written) == len(kept) and all(_only_cleaned(*pair) for pair in pairs)
        case (list(), list()):
            return len(written) == len(kept) and all(map(_only_cleaned, written, kept))
    return bool(written == kept)
