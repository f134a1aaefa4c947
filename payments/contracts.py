"""What payments promises to do for a saga: commands, results and step references. No Django here.

Amounts are integers in minor units (cents), `currency` is an ISO 4217 code, `card` is a token and never a card number.
Every step is external: it acts at the gateway under the step's idempotency key, so that an unknown outcome can be
looked up by that key before anything else is done.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from orchestration import Message, external
from orchestration.money import known_currency

AmountMinor = Annotated[int, Field(gt=0, strict=True)]
Currency = Annotated[str, AfterValidator(known_currency)]


class AuthorizePayment(Message):
    """Hold the amount on the card, without taking it."""

    order_id: UUID
    amount_minor: AmountMinor
    currency: Currency
    card: str


class PaymentAuthorized(Message):
    """The amount is held."""

    authorization_id: str


class VoidAuthorization(Message):
    """Let go of an amount that is held."""

    order_id: UUID
    authorization_id: str


class AuthorizationVoided(Message):
    """Nothing is held any more."""

    void_id: str


class RenewAuthorization(Message):
    """Make sure that the amount is still held: keep the authorization, or take a new one when it has expired."""

    order_id: UUID
    authorization_id: str
    amount_minor: AmountMinor
    currency: Currency
    card: str


class AuthorizationConfirmed(Message):
    """The amount is held, by the authorization to be used from now on."""

    authorization_id: str
    replaces: str | None = None
    """The expired authorization this one stands in for; None when the original is still good."""


class VoidRenewedAuthorization(Message):
    """Let go of what a renewal has taken; nothing to do when it kept the original."""

    order_id: UUID
    authorization_id: str
    replaces: str | None = None


class CapturePayment(Message):
    """Take the money that is held."""

    order_id: UUID
    authorization_id: str
    amount_minor: AmountMinor
    currency: Currency


class PaymentCaptured(Message):
    """The money is ours."""

    capture_id: str


class PaymentRefunded(Message):
    """The money was given back."""

    refund_id: str


class RefundPayment(Message):
    """Give back everything that was taken."""

    order_id: UUID
    capture_id: str
    amount_minor: AmountMinor
    currency: Currency


authorize = external("payments.authorize", takes=AuthorizePayment, gives=PaymentAuthorized, timeout=30)
void = external("payments.void", takes=VoidAuthorization, gives=AuthorizationVoided, timeout=30)
renew_authorization = external(
    "payments.renew_authorization", takes=RenewAuthorization, gives=AuthorizationConfirmed, timeout=30
)
void_renewed = external(
    "payments.void_renewed", takes=VoidRenewedAuthorization, gives=AuthorizationVoided, timeout=30
)
capture = external("payments.capture", takes=CapturePayment, gives=PaymentCaptured, timeout=30)
refund = external("payments.refund", takes=RefundPayment, gives=PaymentRefunded, timeout=30)
