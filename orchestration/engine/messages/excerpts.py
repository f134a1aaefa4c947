"""What may be shown of a message nobody understood: its shape, and no values that could be somebody's secret. Pure."""

from __future__ import annotations

import json
import re
from typing import Any

LONGEST = 500
_NAME = re.compile(r"(?!.*\d{5})[A-Za-z_][\w./-]{0,79}")
"""A task, a step, an event's type: letters first, and never so many digits that it could be a card's number."""
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SHOWN = {
    **dict.fromkeys(("id", "saga"), _ID),
    **dict.fromkeys(("task", "step", "direction", "type", "source", "dataschema"), _NAME),
    "specversion": re.compile(r"\d\.\d"),
}
"""Keys whose values are shown when they look like what belongs there."""
_MOST_ITEMS, _DEEPEST = 20, 6


def excerpt(body: bytes | str) -> str:
    """The shape of a JSON body, with values replaced by their types; of anything else its first eight bytes."""
    raw = body.encode(errors="replace") if isinstance(body, str) else bytes(body)
    try:
        shape = json.dumps(_shape(json.loads(raw), 0), ensure_ascii=True)
    except (ValueError, RecursionError):
        return f"not JSON; begins with {raw[:8].hex(' ') or 'nothing'}"
    return shape if len(shape) <= LONGEST else f"{shape[:LONGEST]}…"


def harmless_name(value: object) -> str:
    """A name such as a task's, if it looks like one."""
    return value if isinstance(value, str) and _NAME.fullmatch(value) else ""


def _shape(value: Any, depth: int, key: str = "") -> Any:
    match value:
        case None | bool():
            return value
        case dict() if depth < _DEEPEST:
            items = list(value.items())[:_MOST_ITEMS]
            return {harmless_name(k) or "?": _shape(v, depth + 1, k) for k, v in items}
        case list() if depth < _DEEPEST:
            return [_shape(item, depth + 1) for item in value[:_MOST_ITEMS]]
        case str() if key in _SHOWN and _SHOWN[key].fullmatch(value):
            return value
        case str():
            return f"<text of {len(value)}>"
        case _:
            return f"<{type(value).__name__}>"
