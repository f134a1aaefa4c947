"""What the gateway's answers mean: its verbs over any transport, and each status mapped to what is known about the money.

| answer                                  | raised          | because                                         |
|-----------------------------------------|-----------------|-------------------------------------------------|
| 2xx with the promised body              | -               | it is done                                      |
| 2xx with anything else, 3xx             | OutcomeUnknown  | it may be done; we cannot tell                  |
| 402, 404, 409, 422, other 4xx           | StepRejected    | a definite no; `code` is the gateway's own      |
| 401, 403                                | StepRetryable   | our key is wrong: nothing was done, mend and go on |
| 408, 425, 429                           | StepRetryable   | not taken up; come back later                   |
| 422 idempotency_key_reused              | OutcomeUnknown  | something else was done under this key          |
| 5xx                                     | OutcomeUnknown  | it may have failed before, or after, acting     |
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from orchestration import OutcomeUnknown, StepRejected, StepRetryable
from payments.gateway import Effect

MAX_RETRY_AFTER = 3600.0
"""Seconds. A gateway that asks for more is asked again earlier."""

LONGEST_NAME = 64
"""Characters of an id that a gateway may give: what our rows can hold."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer: status, decoded JSON (None when it was none), and the Retry-After header in seconds."""

    status: int
    body: Any
    retry_after: float | None = None


class AnsweringGateway(ABC):
    """The verbs of the port, over `exchange`."""

    @abstractmethod
    def close(self) -> None:
        """Give up what is kept open."""

    @abstractmethod
    def exchange(self, method: str, path: str, *, key: str | None = None, body: Any = None) -> Reply:
        """Send one request and return its whole answer.

        Raises:
            StepRetryable: it was never sent.
            OutcomeUnknown: it was sent, and no whole answer came in time.
        """

    def authorize(self, *, key: str, order_id: str, amount_minor: int, currency: str, card: str) -> Effect:
        """Hold an amount."""
        body = {"order_id": order_id, "amount_minor": amount_minor, "currency": currency, "card": card}
        return self._act("/authorizations", key, body)

    def capture(self, *, key: str, authorization_id: str, amount_minor: int, currency: str) -> Effect:
        """Take an amount that is held."""
        body = {"amount_minor": amount_minor, "currency": currency}
        return self._act(f"/authorizations/{_quoted(authorization_id)}/capture", key, body)

    def refund(self, *, key: str, capture_id: str, amount_minor: int, currency: str) -> Effect:
        """Give back an amount that was taken."""
        body = {"amount_minor": amount_minor, "currency": currency}
        return self._act(f"/captures/{_quoted(capture_id)}/refund", key, body)

    def void(self, *, key: str, authorization_id: str) -> Effect:
        """Let go of an amount that is held."""
        return self._act(f"/authorizations/{_quoted(authorization_id)}/void", key, {})

    def authorization_state(self, authorization_id: str) -> str:
        """Say whether it is `authorized`, `captured`, `voided` or `expired`."""
        reply = self._ask("GET", f"/authorizations/{_quoted(authorization_id)}")
        raise_for(reply)
        try:
            return str(reply.body["state"])
        except (TypeError, KeyError):
            raise StepRetryable("The gateway's answer cannot be read.", code="gateway_answer") from None

    def find(self, key: str) -> Effect | None:
        """Say what was done under this key, if anything was."""
        reply = self._ask("GET", f"/by-key/{_quoted(key)}")
        if _code(reply) == "not_found":
            return None
        raise_for(reply)
        return _effect(reply.body)

    def refuse(self, key: str) -> Effect | None:
        """Make sure that nothing is done under this key from now on, and say what had been done already."""
        reply = self._ask("POST", f"/by-key/{_quoted(key)}/cancel")
        raise_for(reply)
        if not isinstance(reply.body, dict) or "effect" not in reply.body:
            raise StepRetryable("The gateway's answer cannot be read.", code="gateway_answer")
        return None if reply.body["effect"] is None else _effect(reply.body["effect"])

    def _act(self, path: str, key: str, body: dict[str, Any]) -> Effect:
        reply = self.exchange("POST", path, key=key, body=body)
        raise_for(reply)
        return _effect(reply.body)

    def _ask(self, method: str, path: str) -> Reply:
        """A call that moves no money: without an answer, it may simply be asked again."""
        try:
            reply = self.exchange(method, path)
        except OutcomeUnknown as error:
            raise StepRetryable(error.message, code="gateway_silent") from error
        if reply.status >= 500:
            raise StepRetryable(f"The gateway answers {reply.status}.", code="gateway_error")
        return reply


def raise_for(reply: Reply) -> None:
    """Raise what an answer means, by the table above; return when it is a success."""
    status, code = reply.status, _code(reply)
    if 200 <= status < 300:
        return
    message = _message(reply) or f"The gateway answers {status}."
    if status in (401, 403):
        raise StepRetryable(
            "The gateway refuses our key: check ORDERLY_GATEWAY_SECRET.", code="gateway_key_refused"
        )
    if status in (408, 425, 429):
        wait = min(reply.retry_after, MAX_RETRY_AFTER) if reply.retry_after is not None else None
        raise StepRetryable(message, code=code or "gateway_busy", retry_after=wait)
    if 400 <= status < 500 and code != "idempotency_key_reused":
        raise StepRejected(message, code=code or f"gateway_{status}")
    raise OutcomeUnknown(message, code=code or f"gateway_{status}")


def _effect(body: Any) -> Effect:
    try:
        return Effect(
            id=_text(body["id"]),
            kind=_text(body["kind"]),
            order_id=_text(body["order_id"]),
            authorization_id=_text(body["authorization_id"]),
            amount_minor=int(body["amount_minor"]),
            currency=_text(body["currency"]),
        )
    except (TypeError, KeyError, ValueError) as error:
        raise OutcomeUnknown("The gateway's answer cannot be read.", code="gateway_answer") from error


def _text(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME:
        raise TypeError("not a name")
    return value


def _error(reply: Reply) -> dict[str, Any]:
    error = reply.body.get("error") if isinstance(reply.body, dict) else None
    return error if isinstance(error, dict) else {}


def _code(reply: Reply) -> str:
    # Cut: it is stored and shown, and comes from somebody else's system.
    return str(_error(reply).get("code", ""))[:64]


def _message(reply: Reply) -> str:
    return str(_error(reply).get("message", ""))[:300]


def _quoted(part: str) -> str:
    return quote(part, safe="")
