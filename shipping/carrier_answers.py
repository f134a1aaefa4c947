"""What the carrier's answers mean: its verbs over any transport, and each status mapped to what is known about the label.

| answer                          | raised          | because                                    |
|---------------------------------|-----------------|--------------------------------------------|
| 2xx with the promised body      | -               | the label is made                          |
| 2xx with anything else, 3xx     | OutcomeUnknown  | it may be made; we cannot tell             |
| 401, 403                        | StepRetryable   | our key is wrong: nothing was done, mend and go on |
| 408, 425, 429                   | StepRetryable   | not taken up; come back later              |
| 422 idempotency_key_reused      | OutcomeUnknown  | another label was made under this key      |
| other 4xx                       | StepRejected    | a definite no; `code` is the carrier's own |
| 5xx                             | OutcomeUnknown  | it may have failed before, or after, acting |
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from orchestration import OutcomeUnknown, StepRejected, StepRetryable
from shipping.contracts import Address
from shipping.labels import Label

LONGEST_NAME = 64
"""Characters of a name that a carrier may give: what our rows can hold."""
MAX_RETRY_AFTER = 3600.0
"""Seconds. A carrier that asks for more is asked again earlier."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer: status, decoded JSON (None when it was none), and the Retry-After header in seconds."""

    status: int
    body: Any
    retry_after: float | None = None


class AnsweringCarrier(ABC):
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

    def create_label(
        self, *, key: str, order_id: str, reference: str, ship_to: Address, service: str | None
    ) -> Label:
        """Have a parcel accepted."""
        body = {
            "order_id": order_id,
            "reference": reference,
            "ship_to": ship_to.model_dump(mode="json"),
            "service": service,
        }
        reply = self.exchange("POST", "/labels", key=key, body=body)
        raise_for(reply)
        return _label(reply.body)

    def find(self, key: str) -> Label | None:
        """Say which label was made under this key, if one was."""
        reply = self._ask("GET", f"/by-key/{quote(key, safe='')}")
        if _error(reply).get("code") == "not_found":
            return None
        raise_for(reply)
        return _label(reply.body)

    def refuse(self, key: str) -> Label | None:
        """Make sure that none is made under this key from now on, and say which had been made already."""
        reply = self._ask("POST", f"/by-key/{quote(key, safe='')}/cancel")
        raise_for(reply)
        if not isinstance(reply.body, dict) or "effect" not in reply.body:
            raise StepRetryable("The carrier's answer cannot be read.", code="carrier_answer")
        return None if reply.body["effect"] is None else _label(reply.body["effect"])

    def _ask(self, method: str, path: str) -> Reply:
        """A call that makes no label: without an answer, it may simply be asked again."""
        try:
            reply = self.exchange(method, path)
        except OutcomeUnknown as error:
            raise StepRetryable(error.message, code="carrier_silent") from error
        if reply.status >= 500:
            raise StepRetryable(f"The carrier answers {reply.status}.", code="carrier_error")
        return reply


def raise_for(reply: Reply) -> None:
    """Raise what an answer means, by the table above; return when it is a success."""
    if 200 <= reply.status < 300:
        return
    # Cut: both are stored and shown, and come from somebody else's system.
    code = str(_error(reply).get("code", ""))[:64]
    message = str(_error(reply).get("message", ""))[:300] or f"The carrier answers {reply.status}."
    if reply.status in (401, 403):
        raise StepRetryable(
            "The carrier refuses our key: check ORDERLY_CARRIER_SECRET.", code="carrier_key_refused"
        )
    if reply.status in (408, 425, 429):
        wait = min(reply.retry_after, MAX_RETRY_AFTER) if reply.retry_after is not None else None
        raise StepRetryable(message, code=code or "carrier_busy", retry_after=wait)
    if 400 <= reply.status < 500 and code != "idempotency_key_reused":
        raise StepRejected(message, code=code or f"carrier_{reply.status}")
    raise OutcomeUnknown(message, code=code or f"carrier_{reply.status}")


def _label(body: Any) -> Label:
    try:
        found = Label(id=body["id"], tracking=body["tracking"], service=body["service"])
    except (TypeError, KeyError) as error:
        raise OutcomeUnknown("The carrier's answer cannot be read.", code="carrier_answer") from error
    parts = (found.id, found.tracking, found.service)
    if not all(_is_name(part) for part in parts):
        raise OutcomeUnknown("The carrier's answer cannot be read.", code="carrier_answer")
    return found


def _is_name(part: Any) -> bool:
    return isinstance(part, str) and 0 < len(part) <= LONGEST_NAME


def _error(reply: Reply) -> dict[str, Any]:
    error = reply.body.get("error") if isinstance(reply.body, dict) else None
    return error if isinstance(error, dict) else {}
