"""The gateway's rules: what a call does to the ledger and what is answered. No HTTP here.

Guarantees: an authorization is captured at most once, for at most its amount, and never after it was voided or has
expired; refunds never exceed what was captured. Those of every sandbox hold as well: one effect per key.
"""

from __future__ import annotations

import re
import secrets
import time
from typing import Any

from orchestration.money import UnknownCurrency, minor_digits
from orchestration.providers.sandbox import (
    Answer,
    Call,
    Faults,
    Refusal,
    Sandbox,
    invalid,
    not_found,
    read_text,
)
from payments.cards import CARDS
from payments.sandbox.ledger import Ledger

_ACTION = re.compile(r"/(?P<kind>authorizations|captures)/(?P<id>[\w-]{1,64})/(?P<verb>capture|void|refund)")
_STATUS = re.compile(r"/authorizations/(?P<id>[\w-]{1,64})")
_VERBS = {("authorizations", "capture"), ("authorizations", "void"), ("captures", "refund")}


class Bank(Sandbox[Ledger]):
    """The gateway behind its HTTP face."""

    def __init__(self, ledger: Ledger, *, authorization_days: float = 7.0) -> None:
        super().__init__(ledger)
        self._authorization_seconds = authorization_days * 86400.0

    def respond(self, call: Call) -> Answer:
        """Authorize, capture, void, refund, or say how an authorization stands."""
        if call.method == "GET" and (status := _STATUS.fullmatch(call.path)):
            return self._find_authorization(status["id"])
        if call.method == "POST" and call.path == "/authorizations":
            return self._act("authorize", None, call)
        action = _ACTION.fullmatch(call.path)
        if call.method == "POST" and action and (action["kind"], action["verb"]) in _VERBS:
            return self._act(action["verb"], action["id"], call)
        raise not_found("such address")

    def effect(self, key: str) -> dict[str, Any] | None:
        """What was done under a key."""
        return self.ledger.effect(idempotency_key=key)

    def summary(self) -> dict[str, Any]:
        """Counts and sums of the ledger."""
        return self.ledger.summary()

    def faults(self, operation: str, effect: dict[str, Any]) -> Faults:
        """What the card does; a void and a refund always go well."""
        acts = operation in ("authorize", "capture") and effect["card"] in CARDS
        return CARDS[effect["card"]] if acts else super().faults(operation, effect)

    def _find_authorization(self, authorization_id: str) -> Answer:
        with self.ledger.entry():
            effect = self.ledger.effect(id=authorization_id, kind="authorization")
            answer = (
                Answer(200, effect | {"state": self._state(effect)})
                if effect
                else not_found(f"authorization {authorization_id}").answer
            )
            self.ledger.add_call(
                "status", key=None, status=answer.status, subject=effect and effect["order_id"]
            )
        return answer

    def _act(self, operation: str, subject: str | None, call: Call) -> Answer:
        """Do it once. `subject` is the id of the authorization or capture that is acted on, None for a new authorization."""
        key, request = call.required_key, call.request

        def act(calls_before: int) -> None:
            if operation == "authorize":
                self._authorize(key, request, calls_before)
            elif operation == "refund":
                self._refund(key, self._existing("capture", subject), request)
            elif operation == "void":
                self._void(key, self._existing("authorization", subject))
            else:
                self._capture(key, self._existing("authorization", subject), request, calls_before)

        return self.once(operation, call, act, same=[operation, subject, request])

    def _authorize(self, key: str, request: dict[str, Any], calls_before: int) -> None:
        order_id, currency = read_text(request, "order_id"), read_text(request, "currency")
        try:
            minor_digits(currency)
        except UnknownCurrency as error:
            raise invalid(str(error)) from None
        card = CARDS.get(read_text(request, "card"))
        if card is None:
            raise Refusal(402, "unknown_card", f"No such test card; use one of {', '.join(CARDS)}.")
        amount = _amount(request)
        card.before_acting(calls_before)
        if card.declines_authorization:
            raise Refusal(402, card.declines_authorization, card.sentence)
        new_id = _new_id("auth")
        self.ledger.add_effect(
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

    def _capture(
        self, key: str, authorization: dict[str, Any], request: dict[str, Any], calls_before: int
    ) -> None:
        card = CARDS[authorization["card"]]
        amount = _amount(request)
        card.before_acting(calls_before)
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
        self._add_dependent("capture", key, authorization, amount)

    def _void(self, key: str, authorization: dict[str, Any]) -> None:
        state = self._state(authorization)
        if state == "captured" and self._refundable(self._captured(authorization)) == 0:
            state = "refunded"
        if state != "authorized":
            code = "authorization_expired" if state == "expired" else f"already_{state}"
            raise Refusal(409, code, f"The authorization is {state}: there is nothing to void.")
        self._add_dependent("void", key, authorization, authorization["amount_minor"])

    def _refund(self, key: str, capture: dict[str, Any], request: dict[str, Any]) -> None:
        amount = _amount(request)
        if CARDS[capture["card"]].refuses_refund:
            raise Refusal(422, "refund_refused", CARDS[capture["card"]].sentence)
        left = self._refundable(capture)
        if left == 0:
            raise Refusal(409, "already_refunded", "All of it was refunded already.")
        if request.get("currency") != capture["currency"]:
            raise Refusal(422, "currency_mismatch", f"The capture is in {capture['currency']}.")
        if amount > left:
            raise Refusal(422, "amount_too_large", f"At most {left} can still be refunded.")
        self._add_dependent("refund", key, capture, amount, capture_id=capture["id"])

    def _add_dependent(
        self, kind: str, key: str, base: dict[str, Any], amount: int, capture_id: str | None = None
    ) -> None:
        self.ledger.add_effect(
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
        effect = self.ledger.effect(id=subject or "", kind=kind)
        if effect is None:
            raise not_found(f"{kind} {subject}")
        return effect

    def _captured(self, authorization: dict[str, Any]) -> dict[str, Any]:
        return self.ledger.effects(authorization_id=authorization["id"], kind="capture")[0]

    def _refundable(self, capture: dict[str, Any]) -> int:
        refunds = self.ledger.effects(authorization_id=capture["authorization_id"], kind="refund")
        left: int = capture["amount_minor"] - sum(refund["amount_minor"] for refund in refunds)
        return left

    def _state(self, authorization: dict[str, Any]) -> str:
        kinds = {effect["kind"] for effect in self.ledger.effects(authorization_id=authorization["id"])}
        if "capture" in kinds:
            return "captured"
        if "void" in kinds:
            return "voided"
        return "expired" if authorization["expires_at"] <= time.time() else "authorized"


def _new_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(12)}"


def _amount(request: dict[str, Any]) -> int:
    """A required amount in minor units."""
    value = request.get("amount_minor")
    # bool is an int in Python, and True would be one cent.
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**53:
        raise invalid("amount_minor must be a whole number of minor units above zero")
    return value
