"""The envelope of an event (CloudEvents 1.0, and `key`): what it must have before it may come in. Pure."""

from __future__ import annotations

import json
from typing import Any

from orchestration.errors import InvalidEnvelope

SPECVERSION = "1.0"
_LONGEST = {"id": 200, "source": 100, "type": 100, "key": 200}
"""Required texts and their greatest length: what the inbox can hold."""


def dataschema_of(event_type: str) -> str:
    """The version of an event's data that this code writes and reads."""
    return f"{event_type}/v1"


def check_envelope(envelope: Any, *, most_bytes: int) -> dict[str, Any]:
    """The envelope, if it can be taken in.

    Raises:
        InvalidEnvelope: a field is missing or too long, its version is unknown, or it is too large. The message names
            fields, and no values.
    """
    if not isinstance(envelope, dict):
        raise InvalidEnvelope("an envelope is a JSON object")
    if envelope.get("specversion") != SPECVERSION:
        raise InvalidEnvelope(f"specversion is not {SPECVERSION!r}")
    for name, longest in _LONGEST.items():
        value = envelope.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= longest:
            raise InvalidEnvelope(f"{name} is not a text of 1 to {longest} characters")
    if envelope.get("dataschema") not in (None, dataschema_of(envelope["type"])):
        raise InvalidEnvelope("dataschema is a version that is not known here")
    if not isinstance(envelope.get("data", {}), dict | None):
        raise InvalidEnvelope("data is not a JSON object")
    try:
        text = json.dumps(envelope, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, TypeError, RecursionError):
        raise InvalidEnvelope("it cannot be written as JSON") from None
    if b"\\u0000" in text:
        raise InvalidEnvelope("it holds a zero character, which the database cannot store")
    if len(text) > most_bytes:
        raise InvalidEnvelope(f"it has {len(text)} bytes; at most {most_bytes} are taken")
    return envelope
