"""JSON from outside, read strictly: what two readers could understand differently is refused."""

from __future__ import annotations

import json
from typing import Any, NoReturn


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`.

    Raises:
        ValueError: not UTF-8, not JSON, not an object, NaN or Infinity, a key twice, or nested beyond reason.
    """
    try:
        value = json.loads(body.decode(), object_pairs_hook=_without_repeats, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands there twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
