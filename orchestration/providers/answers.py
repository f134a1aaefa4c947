"""What the answers of a provider mean: a table that its author states, from status and error code to what is known.

| raised         | what is known                                                          |
|----------------|------------------------------------------------------------------------|
| -              | the effect exists, and the answer describes it                         |
| StepRejected   | there is no effect, and a repetition would not help                    |
| StepRetryable  | there is no effect yet; the same call may be made again                |
| OutcomeUnknown | there may be one: ask by the idempotency key before anything else      |
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import KW_ONLY, dataclass
from typing import Any

from orchestration.errors import OutcomeUnknown, StepRejected, StepRetryable

LONGEST_RETRY_AFTER = 3600.0
"""Seconds. A provider that asks for more is asked again earlier."""

LONGEST_NAME = 64
"""Characters of an id, or of an error code, that are taken from somebody else's system."""

LONGEST_MESSAGE = 300
"""Characters of a provider's message; it is stored and shown."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer: status, decoded JSON (None when it was none), and the Retry-After header in seconds."""

    status: int
    body: Any
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Meaning:
    """One row of the table: what an answer with one of these statuses raises."""

    statuses: Container[int]
    raises: type[StepRejected] | type[StepRetryable] | type[OutcomeUnknown]
    _: KW_ONLY
    given: str = ""
    """The row is only for answers with this error code of the provider's."""
    code: str = ""
    """The code of the error where the provider gives none; `<provider>_<status>` by default."""
    message: str = ""
    """Said, with `code`, in place of the provider's own words: for answers that are about our set-up and not about the order."""


def error_object(body: Any) -> tuple[str, str]:
    """Return code and message of `{"error": {"code": ..., "message": ...}}`; empty ones where the body is another."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return "", ""
    return str(error.get("code", "")), str(error.get("message", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerTable:
    """What each answer of one provider means. The first row that fits counts.

    An answer that fits no row is a success when its status is 2xx; every other one leaves the outcome unknown.
    """

    provider: str
    """A noun for messages and codes, such as `gateway`."""
    rows: tuple[Meaning, ...]
    error_in: Callable[[Any], tuple[str, str]] = error_object
    """Finds the provider's error code and message in a decoded body of any kind; must not raise."""

    def raise_for(self, reply: Reply) -> None:
        """Raise what an answer means; return when it is a success."""
        given, said = (text[:most] for text, most in zip(self.error_in(reply.body), _MOST, strict=True))
        default = f"{self.provider}_{reply.status}"
        words = said or f"The {self.provider} answers {reply.status}."
        for row in self.rows:
            if reply.status not in row.statuses or row.given not in ("", given):
                continue
            code = (row.code if row.message else given or row.code) or default
            if issubclass(row.raises, StepRetryable):
                after = None if reply.retry_after is None else min(reply.retry_after, LONGEST_RETRY_AFTER)
                raise row.raises(row.message or words, code=code, retry_after=after)
            raise row.raises(row.message or words, code=code)
        if not 200 <= reply.status < 300:
            raise OutcomeUnknown(words, code=given or default)

    def code_of(self, reply: Reply) -> str:
        """Return the provider's error code, empty where it gives none."""
        return self.error_in(reply.body)[0][:LONGEST_NAME]


_MOST = (LONGEST_NAME, LONGEST_MESSAGE)


def name_in(body: Any, field: str) -> str:
    """Return an id or another name out of an answer: text that a row can hold and a person can read.

    Raises:
        TypeError, KeyError, ValueError: there is none; a `ProviderClient` takes each for an answer that cannot be read.
    """
    value = body[field]
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME or not value.isprintable():
        raise ValueError(field)
    return value
