"""Reading JSON without the surprises: what two readers could understand differently is refused. Imports no Django."""

from __future__ import annotations

import json
import math
from typing import Any

LARGEST_BODY = 64 * 1024
"""Bytes. A hundred lines fit many times over."""

DEEPEST = 16
"""Levels of nesting; an order has three."""


class MalformedJson(Exception):
    """The body is not JSON that we accept; the text says why."""


def read_json(raw: bytes) -> Any:
    """Parse JSON in UTF-8.

    Raises:
        MalformedJson: not JSON, not UTF-8, a field given twice, NaN or an endless number, nested too deeply,
            or text that is no Unicode text.
    """
    try:
        content = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
        json.dumps(content, ensure_ascii=False).encode("utf-8")
    except MalformedJson:
        raise
    except UnicodeError as error:
        raise MalformedJson("the body is not text in UTF-8") from error
    except RecursionError as error:
        raise MalformedJson(f"the body is nested more than {DEEPEST} levels deep") from error
    except json.JSONDecodeError as error:
        raise MalformedJson(
            f"the body is not JSON: {error.msg} at line {error.lineno} column {error.colno}"
        ) from error
    except ValueError as error:
        raise MalformedJson("the body has a number with too many digits") from error
    _refuse_deep(content)
    return content


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise MalformedJson("the body gives a field twice; give each field once")
    return content


def _refuse_constant(name: str) -> float:
    raise MalformedJson(f"the body has {name}, which is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise MalformedJson("the body has a number that is too large")
    return number


def _refuse_deep(content: Any) -> None:
    level = [content]
    for _ in range(DEEPEST):
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
        if not level:
            return
    raise MalformedJson(f"the body is nested more than {DEEPEST} levels deep")
