"""What a sandbox answers, how it refuses, and how it reads a request strictly. No HTTP here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller gets: a status, JSON, and how many seconds late."""

    status: int
    body: dict[str, Any]
    delay: float = 0.0


class Refusal(Exception):
    """A call that is answered with an error and has no effect. `is_definite`: a repetition gets the same answer."""

    def __init__(self, status: int, code: str, message: str, *, is_definite: bool = True) -> None:
        super().__init__(message)
        self.answer = Answer(status, {"error": {"code": code, "message": message}})
        self.is_definite = is_definite


def invalid(message: str) -> Refusal:
    """A request that cannot be understood."""
    return Refusal(400, "invalid_request", message, is_definite=False)


def not_found(what: str) -> Refusal:
    """Something that is not in the ledger."""
    return Refusal(404, "not_found", f"There is no {what}.", is_definite=False)


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object that a request carries; an empty one where it carries nothing."""
    try:
        value = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise invalid("the body is not JSON") from None
    if not isinstance(value, dict):
        raise invalid("the body must be a JSON object")
    return value


def read_text(request: dict[str, Any], field: str) -> str:
    """A required text of at most 255 characters."""
    value = request.get(field)
    if not isinstance(value, str) or not 0 < len(value) <= 255:
        raise invalid(f"{field} must be a text of 1 to 255 characters")
    return value
