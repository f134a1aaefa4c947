"""The gateway's rules: what a call does to the ledger and what is answered. No HTTP here.

Guarantees: a key makes at most one effect; the same request under it gets the same answer again, another request 422;
a cancelled key makes no effect any more. An authorization is captured at most once, for at most its amount, and never
after it was voided or has expired; refunds never exceed what was captured.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from typing import Any

from orchestration.money import UnknownCurrency, minor_digits
from payments.cards import CARDS, SLOW_SECONDS, SandboxCard
from payments.sandbox.answers import (
    HANGS,
    Answer,
    Refusal,
    invalid,
    key_reused,
    not_found,
    read_amount,
    read_text,
    text_or_none,
)
from payments.sandbox.ledger import Ledger


class Bank:
    """The gateway behind its HTTP face."""

    def __init__(self, ledger: Ledger, *, authorization_days: float = 7.0) -> None:
        self._ledger = ledger
        self._authorization_seconds = authorization_days * 86400.0

    @property
    def ledger(self) -> Ledger:
        """What has been done."""
        return self._ledger

    def act(self, operation: str, subject: str | None, key: str, request: dict[str, Any]) -> Answer:
        """Authorize, capture, void or refund, once per key.

        `subject` is the id of the authorization or capture that is acted on, None for a new authorization.
        """
        fingerprint = hashlib.sha256(
            json.dumps([operation, subject, request], sort_keys=True).encode()
        ).hexdigest()
        with self._ledger.entry():
            calls_before = self._ledger.count_calls(operation=operation, key=key)
            kept = self._ledger.answer(key)
            made_effect = False
            if kept is not None:
                answer = (
                    Answer(kept["status"], json.loads(kept["body"]))
                    if kept["request"] == fingerprint
                    else key_reused().answer
                )
            else:
                try:
                    answer = self._act_first_time(operation, subject, key, request, calls_before)
                    made_effect, is_definite = True, True
                except Refusal as refusal:
                    answer, is_definite = refusal.answer, refusal.is_definite
                if is_definite:
                    self._ledger.add_answer(
                        key=key, request=fingerprint, status=answer.status, body=json.dumps(answer.body)
                    )
            effect = self._ledger.effect(idempotency_key=key)
            order_id = effect["order_id"] if effect else text_or_none(request.get("order_id"))
            answer = _with_quirks(answer, _card_of(effect), operation, made_effect=made_effect)
            self._ledger.add_call(
                operation=operation, key=key, order_id=order_id, status=answer.status, made_effect=made_effect
            )
        return answer

    def find_authorization(self, authorization_id: str) -> Answer:
        """Say how an authorization stands: authorized, captured, voided or expired."""
        with self._ledger.entry():
            effect = self._ledger.effect(id=authorization_id, kind="authorization")
            answer = (
                Answer(200, effect | {"state": self._state(effect)})
                if effect
                else not_found(f"authorization {authorization_id}").answer
            )
            order_id = effect["order_id"] if effect else None
            self._ledger.add_call(
                operation="status", key=None, order_id=order_id, status=answer.status, made_effect=False
            )
        return answer

    def find_by_key(self, key: str) -> Answer:
        """Say what was done under this key; 404 when nothing was."""
        with self._ledger.entry():
            effect = self._ledger.effect(idempotency_key=key)
            answer = Answer(200, effect) if effect else not_found("effect under this key").answer
            self._ledger.add_call(
                operation="look_up", key=key, order_id=None, status=answer.status, made_effect=False
            )
        return answer

    def cancel_key(self, key: str) -> Answer:
        """Refuse this key from now on, and say what had been done under it already."""
        with self._ledger.entry():
            self._ledger.refuse_key(key)
            answer = Answer(200, {"effect": self._ledger.effect(idempotency_key=key)})
            self._ledger.add_call(
                operation="cancel_key", key=key, order_id=None, status=200, made_effect=False
            )
        return answer

    def summary(self) -> Answer:
        """Counts and sums of the ledger."""
        with self._ledger.entry():
            return Answer(200, self._ledger.summary())

    def _act_first_time(
        self, operation: str, subject: str | None, key: str, request: dict[str, Any], calls_before: int
    ) -> Answer:
        if self._ledger.is_refused(key):
            raise Refusal(409, "key_cancelled", "This idempotency key was cancelled.")
        if operation == "authorize":
            return self._authorize(key, request, calls_before)
        if operation == "refund":
            return self._refund(key, self._existing("capture", subject), request)
        authorization = self._existing("authorization", subject)
        if operation == "void":
            return self._void(key, authorization)
        return self._capture(key, authorization, request, calls_before)

    def _authorize(self, key: str, request: dict[str, Any], calls_before: int) -> Answer:
        order_id, currency = read_text(request, "order_id"), read_text(request, "currency")
        try:
            minor_digits(currency)
        except UnknownCurrency as error:
            raise invalid(str(error)) from None
        card = CARDS.get(read_text(request, "card"))
        if card is None:
            raise Refusal(402, "unknown_card", f"No such test card; use one of {', '.join(CARDS)}.")
        amount = read_amount(request)
        _fail_before_acting(card, calls_before)
        if card.declines_authorization:
            raise Refusal(402, card.declines_authorization, card.sentence)
        new_id = _new_id("auth")
        effect = self._ledger.add_effect(
            id=new_id,
            idempotency_key=key,
            kind="authorization",
            order_id=order_id,
            authorization_id=new_id,
            amount_minor=amount,
            currency=currency,
            card=card.name,
            expires_at=time.time() + self._authorization_seconds,
        )
        return Answer(201, effect)

    def _capture(
        self, key: str, authorization: dict[str, Any], request: dict[str, Any], calls_before: int
    ) -> Answer:
        card = CARDS[authorization["card"]]
        amount = read_amount(request)
        _fail_before_acting(card, calls_before)
        state = self._state(authorization)
        if state == "expired":
            raise Refusal(402, "authorization_expired", "The authorization has expired; take a new one.")
        if state != "authorized":
            raise Refusal(409, f"already_{state}", f"The authorization is {state} already.")
        if request.get("currency") != authorization["currency"]:
            raise Refusal(422, "currency_mismatch", f"The authorization is in {authorization['currency']}.")
        if amount > authorization["amount_minor"]:
            raise Refusal(422, "amount_too_large", f"At most {authorization['amount_minor']} is held.")
        if card.declines_capture:
            raise Refusal(402, card.declines_capture, card.sentence)
        return Answer(201, self._add_dependent("capture", key, authorization, amount))

    def _void(self, key: str, authorization: dict[str, Any]) -> Answer:
        state = self._state(authorization)
        if state == "captured" and self._refundable(self._captured(authorization)) == 0:
            state = "refunded"
        if state != "authorized":
            code = "authorization_expired" if state == "expired" else f"already_{state}"
            raise Refusal(409, code, f"The authorization is {state}: there is nothing to void.")
        return Answer(201, self._add_dependent("void", key, authorization, authorization["amount_minor"]))

    def _refund(self, key: str, capture: dict[str, Any], request: dict[str, Any]) -> Answer:
        amount = read_amount(request)
        if CARDS[capture["card"]].refuses_refund:
            raise Refusal(422, "refund_refused", CARDS[capture["card"]].sentence)
        left = self._refundable(capture)
        if left == 0:
            raise Refusal(409, "already_refunded", "All of it was refunded already.")
        if request.get("currency") != capture["currency"]:
            raise Refusal(422, "currency_mismatch", f"The capture is in {capture['currency']}.")
        if amount > left:
            raise Refusal(422, "amount_too_large", f"At most {left} can still be refunded.")
        return Answer(201, self._add_dependent("refund", key, capture, amount, capture_id=capture["id"]))

    def _add_dependent(
        self, kind: str, key: str, base: dict[str, Any], amount: int, capture_id: str | None = None
    ) -> dict[str, Any]:
        return self._ledger.add_effect(
            id=_new_id({"capture": "cap", "refund": "ref", "void": "void"}[kind]),
            idempotency_key=key,
            kind=kind,
            order_id=base["order_id"],
            authorization_id=base["authorization_id"],
            capture_id=capture_id,
            amount_minor=amount,
            currency=base["currency"],
            card=base["card"],
        )

    def _existing(self, kind: str, subject: str | None) -> dict[str, Any]:
        effect = self._ledger.effect(id=subject or "", kind=kind)
        if effect is None:
            raise not_found(f"{kind} {subject}")
        return effect

    def _captured(self, authorization: dict[str, Any]) -> dict[str, Any]:
        return self._ledger.effects(authorization_id=authorization["id"], kind="capture")[0]

    def _refundable(self, capture: dict[str, Any]) -> int:
        refunds = self._ledger.effects(authorization_id=capture["authorization_id"], kind="refund")
        left: int = capture["amount_minor"] - sum(refund["amount_minor"] for refund in refunds)
        return left

    def _state(self, authorization: dict[str, Any]) -> str:
        kinds = {effect["kind"] for effect in self._ledger.effects(authorization_id=authorization["id"])}
        if "capture" in kinds:
            return "captured"
        if "void" in kinds:
            return "voided"
        return "expired" if authorization["expires_at"] <= time.time() else "authorized"


def _with_quirks(answer: Answer, card: SandboxCard | None, operation: str, *, made_effect: bool) -> Answer:
    """What the card does to an answer that was good: late, or an error although the effect was made."""
    if card is None or operation not in ("authorize", "capture"):
        return answer
    if made_effect and card.first_answer_hangs:
        return Answer(answer.status, answer.body, HANGS)
    if made_effect and card.first_answer_fails:
        return Answer(500, {"error": {"code": "internal", "message": "Something went wrong."}})
    return Answer(answer.status, answer.body, SLOW_SECONDS) if card.is_slow else answer


def _card_of(effect: dict[str, Any] | None) -> SandboxCard | None:
    return CARDS.get(effect["card"]) if effect else None


def _fail_before_acting(card: SandboxCard, calls_before: int) -> None:
    if calls_before < card.failures_before_acting:
        raise Refusal(503, "unavailable", "Down for the moment; nothing was done.", is_definite=False)


def _new_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(12)}"
