"""What an event must be before Flower keeps it. It believes whatever it is told, and one odd number breaks its pages until it starts anew.

Whoever may write to the broker may send events. Those of another shape are dropped, and of the others only the fields that Celery
sends are kept: any other would take the place of something that Flower computes.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

from flower import events

from orchestration.core.storable import is_storable_text

logger = logging.getLogger(__name__)

_KIND = re.compile(r"(?:worker|task)-[a-z]{1,40}")
_LONGEST_NAME = 255
_LONGEST_TEXT = 100_000
_IN_2100 = 4_102_444_800.0


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME and value.isprintable()


def _is_text(value: object) -> bool:
    # Half a surrogate pair can be written onto no page.
    return value is None or (
        isinstance(value, str) and len(value) <= _LONGEST_TEXT and is_storable_text(value)
    )


def _is_number(value: object, least: float = 0.0, most: float = _IN_2100) -> bool:
    # No comparison is true of what is no number (NaN), and an infinite one is beyond every bound.
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


def _is_count(value: object) -> bool:
    return value is None or (isinstance(value, int) and _is_number(value, 0, 2**53 + 2**32))


def _is_flag(value: object) -> bool:
    return value is None or isinstance(value, bool)


def _are_loads(value: object) -> bool:
    return isinstance(value, list | tuple) and len(value) <= 3 and all(map(_is_number, value))


_FIELDS: dict[str, Callable[[object], bool]] = {
    **dict.fromkeys(("hostname", "uuid"), _is_name),
    **dict.fromkeys(("timestamp", "local_received", "runtime", "freq"), _is_number),
    **dict.fromkeys(("clock", "pid", "active", "processed", "retries"), _is_count),
    **dict.fromkeys(("terminated", "expired", "requeue"), _is_flag),
    **dict.fromkeys(
        ("name", "args", "kwargs", "eta", "expires", "result", "exception", "traceback", "queue", "exchange", "routing_key",
         "root_id", "parent_id", "sw_ident", "sw_ver", "sw_sys", "client"), _is_text,
    ),
    "type": lambda value: isinstance(value, str) and _KIND.fullmatch(value) is not None,
    "utcoffset": lambda value: _is_number(value, -24, 24),
    "signum": lambda value: _is_count(value) or _is_text(value),
    "loadavg": _are_loads,
}  # fmt: skip
"""What Celery's workers and clients say in their events."""
_NEEDED = ("type", "hostname", "timestamp", "local_received", "clock")


def readable(event: object) -> dict[str, Any] | None:
    """Return what of an event can be kept; None if it is none."""
    if not isinstance(event, dict) or any(event.get(name) is None for name in _NEEDED):
        return None
    kept = {name: value for name, value in event.items() if name in _FIELDS}
    if not all(_FIELDS[name](value) for name, value in kept.items()):
        return None
    return kept if "uuid" in kept or not kept["type"].startswith("task-") else None


class CarefulState(events.EventsState):  # type: ignore[misc]  # Flower has no types
    """What Flower remembers, without what is none of it."""

    def event(self, event: Any) -> None:
        """Take an event."""
        kept = readable(event)
        if kept is None:
            logger.warning("an event was not one of Celery's, and is dropped")
        else:
            super().event(kept)


def keep_readable_events() -> None:
    """Have the Flower of this process keep no others. Idempotent."""
    events.EventsState = CarefulState
