"""What the gateway answers, how it refuses, and how it reads a request strictly. No HTTP here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

HANGS = 1e9
"""Delay of an answer that no client waits for."""


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


def key_reused() -> Refusal:
    """The same key with another request."""
    return Refusal(422, "idempotency_key_reused", "This key was used for another request.")


def text_or_none(value: object) -> str | None:
    """The value, if it is a text."""
    return value if isinstance(value, str) else None


def read_text(request: dict[str, Any], field: str) -> str:
    """A required text of at most 255 characters."""
    value = request.get(field)
    if not isinstance(value, str) or not 0 < len(value) <= 255:
        raise invalid(f"{field} must be a text of 1 to 255 characters")
    return value


def read_amount(request: dict[str, Any]) -> int:
    """A required amount in minor units."""
    value = request.get("amount_minor")
    # bool is an int in Python, and True would be one cent.
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**53:
        raise invalid("amount_minor must be a whole number of minor units above zero")
    return value
