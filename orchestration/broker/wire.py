"""What a message must be before Celery, kombu or the pool compute with it. Pure: no broker, no Django.

They believe what a message says of itself, and much of it is used long after the message was taken: a time limit when the pool has
accepted the task, in the event loop of the worker. An error there ends the worker, which starts again, is given the same message, and
ends again. So everything they compute with is looked at first, in one place.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

LONGEST_NAME = 1_000
"""Characters of an id or a name; Celery's own ids have 36."""

_Check = Callable[[object], bool]


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_NAME


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_text_or_none(value: object) -> bool:
    return value is None or isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_seconds(value: object) -> bool:
    return _is_number(value) and 0 <= value <= 10**9  # type: ignore[operator]  # it is a number


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31


def _is_moment(value: object) -> bool:
    """ISO 8601, and not so near the ends of the calendar that another time zone leaves it."""
    if isinstance(value, datetime):
        return 1 < value.year < 9999
    if not isinstance(value, str):
        return False
    try:
        return 1 < datetime.fromisoformat(value).year < 9999
    except ValueError:
        return False


def _is_flag(value: object) -> bool:
    return isinstance(value, bool | int)


def _is_table(value: object) -> bool:
    return isinstance(value, dict)


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _are_limits(value: object) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) == 2
        and all(each is None or _is_seconds(each) for each in value)
    )


_HEADERS: Mapping[str, _Check] = {
    "id": _is_name,
    "task": _is_name,
    "shadow": _is_text,
    "root_id": _is_name,
    "parent_id": _is_name,
    "group": _is_name,
    "group_index": _is_count,
    "retries": _is_count,
    "timelimit": _are_limits,
    "eta": _is_moment,
    "expires": _is_moment,
    "lang": _is_text,
    "origin": _is_text,
    "argsrepr": _is_text,
    "kwargsrepr": _is_text,
    "compression": _is_text,
    "ignore_result": _is_flag,
    "replaced_task_nesting": _is_count,
    "stamped_headers": _are_texts,
    "stamps": _is_table,
    "utc": _is_flag,
    "taskset": _is_name,
}
"""What Celery computes with, of both versions of its protocol; each may be null but those in `_NEEDED`."""

_NEEDED = frozenset({"id", "task"})
_PROPERTIES: Mapping[str, _Check] = {
    "correlation_id": _is_text,
    "reply_to": _is_text,
    "priority": _is_count,
}

OURS_NEVER_HAVE = ("eta", "expires")
"""The engine keeps times in rows: a message of its own that asks for one is none of its own."""


def fault_of_headers(headers: object, properties: object = None) -> str | None:
    """Return what is wrong with a message's headers and properties, naming the field and no value; None if nothing is."""
    if not isinstance(headers, Mapping):
        return "its headers are no table"
    for name, value in headers.items():
        if value is None and name not in _NEEDED:
            continue  # most are: looked at for each message
        is_well = _HEADERS.get(name) if isinstance(name, str) else None
        if is_well is not None and not is_well(value):
            return f"header {name} is not what Celery computes with"
    if isinstance(properties, Mapping):
        for name, is_well in _PROPERTIES.items():
            value = properties.get(name)
            if value is not None and not is_well(value):
                return f"property {name} is not what Celery computes with"
    return None


def fault_of_our_headers(headers: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the headers of a message for one of the engine's tasks, beyond what holds for every message."""
    if any(headers.get(name) is not None for name in OURS_NEVER_HAVE):
        return "it asks to be run at another time"
    return None


def fault_of_entry(entry: object) -> str | None:
    """Return what is wrong with an entry of a Redis list, as kombu has decoded it; None if it is a message."""
    if not isinstance(entry, dict):
        return "it is no JSON object"
    properties, headers = entry.get("properties"), entry.get("headers")
    if not isinstance(properties, dict):
        return "it has no properties"
    if headers is not None and not isinstance(headers, dict):
        return "its headers are no table"
    if not _is_name(properties.get("delivery_tag")):
        return "it has no delivery tag"
    delivery = properties.get("delivery_info")
    if not (
        isinstance(delivery, dict)
        and isinstance(delivery.get("exchange"), str)
        and isinstance(delivery.get("routing_key"), str)
    ):
        return "it does not say where it was sent"
    for name in ("content-type", "content-encoding"):
        if not _is_text_or_none(entry.get(name)):
            return f"its {name} is no text"
    return _fault_of_body(entry.get("body"), properties.get("body_encoding"))


def fault_of_kept(kept: bytes | str) -> str | None:
    """Return what is wrong with what Redis keeps of a message that is not acknowledged: the entry, its exchange and its routing key."""
    try:
        told = json.loads(kept)
    except (ValueError, RecursionError) as error:
        return f"it is no JSON: {type(error).__name__}"
    match told:
        case [entry, str(), str()]:
            return fault_of_entry(entry)
    return "it is not a message, its exchange and its routing key"


def _fault_of_body(body: object, encoding: object) -> str | None:
    if not _is_text_or_none(body):
        return "its body is no text"
    if encoding is None or (isinstance(encoding, str) and encoding.lower() == "utf-8"):
        return None
    if encoding != "base64":
        return "its body has an encoding that kombu does not know"
    try:
        decoded(str(body or ""))
    except (binascii.Error, ValueError):
        return "its body is not base64"
    return None


@lru_cache(maxsize=1)
def decoded(body: str) -> bytes:
    """The bytes of a body in base64, decoded once: who looks at an entry and who makes a message of it ask one after the other.

    Raises:
        ValueError: it is none.
    """
    return base64.b64decode(body.encode("ascii"), validate=False)
