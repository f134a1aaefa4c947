"""The carrier's counter: what a call does to the ledger and what is answered. No HTTP here.

Guarantees: a key makes at most one label; the same request under it gets the same label again, another request 422; a
cancelled key makes no label any more.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from shipping.carrier.ledger import Ledger
from shipping.carrier.services import DEFAULT_SERVICE, SERVICES, UNDELIVERABLE_NAME, Service

HANGS = 1e9
"""Delay of an answer that no client waits for."""

_BY_KEY = re.compile(r"/by-key/(?P<key>[^/]{1,1000})(?P<cancel>/cancel)?")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller gets: a status, JSON, and how many seconds late."""

    status: int
    body: dict[str, Any]
    delay: float = 0.0


class Refusal(Exception):
    """A call that is answered with an error and makes no label."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.answer = Answer(status, {"error": {"code": code, "message": message}})


class Desk:
    """The carrier behind its HTTP face. A parcel leaves `seconds` after its label was made; `wake` is called then."""

    def __init__(self, ledger: Ledger, *, seconds: float, wake: Callable[[], None] = lambda: None) -> None:
        self._ledger = ledger
        self._seconds = seconds
        self._wake = wake

    @property
    def ledger(self) -> Ledger:
        """What has been done."""
        return self._ledger

    def answer(self, method: str, path: str, *, key: str | None, body: bytes) -> Answer:
        """Answer one call; never raises for what a caller can get wrong."""
        try:
            return self._answer(method, path, key, body)
        except Refusal as refusal:
            return refusal.answer

    def _answer(self, method: str, path: str, key: str | None, body: bytes) -> Answer:
        if method == "GET" and path == "/ledger":
            return Answer(200, self._ledger.summary())
        if method == "POST" and path == "/labels":
            return self._create_label(key, body)
        by_key = _BY_KEY.fullmatch(path)
        if by_key and by_key["cancel"] and method == "POST":
            return self._cancel_key(unquote(by_key["key"]))
        if by_key and not by_key["cancel"] and method == "GET":
            return self._find(unquote(by_key["key"]))
        raise Refusal(404, "not_found", "There is no such address.")

    def _create_label(self, key: str | None, body: bytes) -> Answer:
        if not key or len(key) > 255:
            raise Refusal(
                400, "invalid_request", "An Idempotency-Key header of 1 to 255 characters is required."
            )
        request = _object(body)
        order_id = _text(request, "order_id")
        made = False
        with self._ledger.entry():
            calls_before = self._ledger.count_calls(operation="create_label", key=key)
            try:
                made = self._make_once(key, order_id, request, calls_before)
                label = self._ledger.label(key) or {}
                quirk = SERVICES.get(label["service"])
                answer = Answer(
                    201, _public(label), HANGS if made and quirk and quirk.first_answer_hangs else 0.0
                )
            except Refusal as refusal:
                answer = refusal.answer
            self._ledger.add_call(
                operation="create_label", key=key, order_id=order_id, status=answer.status, made_effect=made
            )
        if made:
            self._wake()
        return answer

    def _make_once(self, key: str, order_id: str, request: dict[str, Any], calls_before: int) -> bool:
        """Make the label of a key unless it is there; returns whether it was made now."""
        fingerprint = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
        if (label := self._ledger.label(key)) is not None:
            if label["request"] != fingerprint:
                raise Refusal(422, "idempotency_key_reused", "This key was used for another request.")
            return False
        if self._ledger.is_refused(key):
            raise Refusal(409, "key_cancelled", "This idempotency key was cancelled.")
        service = _service(request)
        if calls_before < service.failures_before_acting:
            raise Refusal(503, "unavailable", "Down for the moment; nothing was done.")
        self._ledger.add_label(
            id=f"lbl_{secrets.token_hex(12)}",
            idempotency_key=key,
            order_id=order_id,
            tracking=f"TRK{secrets.token_hex(6).upper()}",
            service=service.name,
            request=fingerprint,
            event_id=f"evt_{secrets.token_hex(12)}",
            leaves_at=time.time() + self._seconds,
        )
        return True

    def _find(self, key: str) -> Answer:
        label = self._ledger.label(key)
        status = 200 if label else 404
        self._ledger.add_call(operation="look_up", key=key, order_id=None, status=status, made_effect=False)
        if label is None:
            raise Refusal(404, "not_found", "There is no label under this key.")
        return Answer(200, _public(label))

    def _cancel_key(self, key: str) -> Answer:
        with self._ledger.entry():
            self._ledger.refuse_key(key)
            self._ledger.add_call(
                operation="cancel_key", key=key, order_id=None, status=200, made_effect=False
            )
            label = self._ledger.label(key)
        return Answer(200, {"effect": _public(label) if label else None})


def _service(request: dict[str, Any]) -> Service:
    """The service asked for.

    Raises:
        Refusal: it does not deliver there.
    """
    name = request.get("service") or DEFAULT_SERVICE
    if not isinstance(name, str) or len(name) > 100:
        raise Refusal(400, "invalid_request", "service must be a text of at most 100 characters")
    ship_to = request.get("ship_to")
    if not isinstance(ship_to, dict):
        raise Refusal(400, "invalid_request", "ship_to must be an object")
    service = SERVICES.get(name) or Service(name=name, sentence="Delivers.")
    if service.is_undeliverable or _text(ship_to, "name").strip().casefold() == UNDELIVERABLE_NAME:
        raise Refusal(422, "undeliverable", f"{name} does not deliver to this address.")
    return service


def _public(label: dict[str, Any]) -> dict[str, Any]:
    return {name: label[name] for name in ("id", "order_id", "tracking", "service")}


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(400, "invalid_request", "the body is not JSON") from None
    if not isinstance(value, dict):
        raise Refusal(400, "invalid_request", "the body must be a JSON object")
    return value


def _text(values: dict[str, Any], field: str) -> str:
    value = values.get(field)
    if not isinstance(value, str) or not 0 < len(value) <= 255:
        raise Refusal(400, "invalid_request", f"{field} must be a text of 1 to 255 characters")
    return value
