"""The rules that every sandbox keeps, around the answers that its author writes. No HTTP here.

Guarantees: a key has at most one effect; the same request under it gets the same answer again, another request 422; a
cancelled key has no effect any more. Every call is in the ledger.
"""

from __future__ import annotations

import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import unquote

from orchestration.providers.sandbox.answers import Answer, Refusal, invalid, not_found, read_object
from orchestration.providers.sandbox.faults import Faults
from orchestration.providers.sandbox.ledger import Ledger

_BY_KEY = re.compile(r"/by-key/(?P<key>[^/]{1,1000})(?P<cancel>/cancel)?")

NO_FAULTS = Faults()

L = TypeVar("L", bound=Ledger)


@dataclass(frozen=True, slots=True)
class Call:
    """One request: `GET /parcels/7`, the idempotency key of its header, and its body."""

    method: str
    path: str
    key: str | None
    body: bytes

    @property
    def required_key(self) -> str:
        """The idempotency key of a call that must have one."""
        if not self.key or len(self.key) > 255:
            raise invalid("an Idempotency-Key header of 1 to 255 characters is required")
        return self.key

    @property
    def request(self) -> dict[str, Any]:
        """The JSON object of the body."""
        return read_object(self.body)


class Sandbox(ABC, Generic[L]):
    """The base of a sandbox. A subclass says what a call does (`respond`, with `once` where it acts) and shows effects."""

    def __init__(self, ledger: L) -> None:
        self.ledger = ledger

    @abstractmethod
    def respond(self, call: Call) -> Answer:
        """Answer a call to an address of this provider.

        Raises:
            Refusal: it has no effect; also `not_found("such address")`.
        """

    @abstractmethod
    def effect(self, key: str) -> dict[str, Any] | None:
        """Return what was done under a key, as it is shown to callers."""

    @abstractmethod
    def summary(self) -> dict[str, Any]:
        """Return counts of what is in the ledger, for people and tests."""

    def faults(self, operation: str, effect: dict[str, Any]) -> Faults:
        """Return how the answer to a call goes wrong that has had, or had before, this effect."""
        return NO_FAULTS

    def start(self) -> None:
        """Begin what the sandbox does of its own accord, when its process serves."""

    def close(self) -> None:
        """End that, and close the ledger."""
        self.ledger.close()

    def answer(self, call: Call) -> Answer:
        """Answer one call; never raises for what a caller can get wrong."""
        try:
            if call.method == "GET" and call.path == "/ledger":
                with self.ledger.entry():
                    return Answer(200, self.summary())
            by_key = _BY_KEY.fullmatch(call.path)
            if by_key and by_key["cancel"] and call.method == "POST":
                return self._cancel(unquote(by_key["key"]))
            if by_key and not by_key["cancel"] and call.method == "GET":
                return self._find(unquote(by_key["key"]))
            return self.respond(call)
        except Refusal as refusal:
            return refusal.answer

    def once(self, operation: str, call: Call, act: Callable[[int], None], *, same: Any = None) -> Answer:
        """Act once for the key of a call, and answer 201 with the effect.

        Args:
            operation: its name in the ledger.
            call: the call; its key is required.
            act: writes the effect, or raises Refusal; it is given the number of earlier calls of this key.
            same: JSON that another call of the same key must have, too; by default its body.
        """
        key, request = call.required_key, call.request
        fingerprint = hashlib.sha256(
            json.dumps(request if same is None else same, sort_keys=True).encode()
        ).hexdigest()
        made_effect = False
        with self.ledger.entry():
            calls_before = self.ledger.count_calls(operation, key=key)
            kept = self.ledger.kept_answer(key)
            if kept is None:
                try:
                    if self.ledger.is_refused(key):
                        raise Refusal(409, "key_cancelled", "This idempotency key was cancelled.")
                    act(calls_before)
                    made_effect, is_definite = True, True
                    answer = Answer(201, self.effect(key) or {})
                except Refusal as refusal:
                    answer, is_definite = refusal.answer, refusal.is_definite
                if is_definite:
                    self.ledger.keep_answer(answer, key=key, request=fingerprint)
            elif kept[0] == fingerprint:
                answer = kept[1]
            else:
                answer = KEY_REUSED
            effect = self.effect(key)
            if effect is not None:
                answer = self.faults(operation, effect).applied_to(answer, made_effect=made_effect)
            self.ledger.add_call(
                operation,
                key=key,
                status=answer.status,
                made_effect=made_effect,
                subject=(effect or request).get(self.ledger.subject),
            )
        return answer

    def _find(self, key: str) -> Answer:
        with self.ledger.entry():
            effect = self.effect(key)
            answer = Answer(200, effect) if effect else not_found("effect under this key").answer
            self.ledger.add_call("look_up", key=key, status=answer.status)
        return answer

    def _cancel(self, key: str) -> Answer:
        with self.ledger.entry():
            self.ledger.refuse_key(key)
            self.ledger.add_call("cancel_key", key=key, status=200)
            return Answer(200, {"effect": self.effect(key)})


KEY_REUSED = Refusal(422, "idempotency_key_reused", "This key was used for another request.").answer
