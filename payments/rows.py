"""Writes the payment's row: one function for each thing that can happen to the money.

Each must be called inside a transaction (the one that records the step), locks the row of its order, and may be called
again with the same values. A row that says something else already is left alone: the ledgers are compared by `verify`.
"""

from __future__ import annotations

import logging
from uuid import UUID

from django.utils import timezone

from payments.models import Payment, PaymentState

logger = logging.getLogger(__name__)

_OVER = (PaymentState.VOIDED, PaymentState.REFUNDED)


def lock_payment(order_id: UUID) -> Payment | None:
    """Lock the payment's row of an order until the end of the transaction; None when there is none."""
    return Payment.objects.select_for_update().filter(order_id=order_id).first()


def write_authorized(*, order_id: UUID, authorization_id: str, amount_minor: int, currency: str) -> None:
    """The amount is held. An order whose earlier payment is over starts a new one in the same row."""
    payment = lock_payment(order_id)
    if payment is not None and (payment.authorization_id == authorization_id or payment.state not in _OVER):
        _leave(
            payment,
            f"authorization {authorization_id}",
            expected=payment.authorization_id == authorization_id,
        )
        return
    Payment.objects.update_or_create(
        order_id=order_id,
        defaults={
            "state": PaymentState.AUTHORIZED,
            "authorization_id": authorization_id,
            "amount_minor": amount_minor,
            "currency": currency,
            "captured_minor": 0,
            "refunded_minor": 0,
            "capture_id": "",
            "refund_id": "",
            "authorized_at": timezone.now(),
            "captured_at": None,
            "refunded_at": None,
            "voided_at": None,
        },
    )


def write_renewed(*, order_id: UUID, authorization_id: str) -> None:
    """Another authorization stands in for the expired one."""
    payment = _existing(order_id)
    if payment.state != PaymentState.AUTHORIZED:
        _leave(payment, f"renewal {authorization_id}")
        return
    payment.authorization_id = authorization_id
    payment.authorized_at = timezone.now()
    payment.save(update_fields=["authorization_id", "authorized_at"])


def write_voided(*, order_id: UUID, authorization_id: str) -> None:
    """Nothing is held under this authorization any more. A row that has moved on to another one stays."""
    payment = lock_payment(order_id)
    if (
        payment is None
        or payment.authorization_id != authorization_id
        or payment.state != PaymentState.AUTHORIZED
    ):
        return
    payment.state = PaymentState.VOIDED
    payment.voided_at = timezone.now()
    payment.save(update_fields=["state", "voided_at"])


def write_captured(*, order_id: UUID, capture_id: str, captured_minor: int) -> None:
    """The money is ours."""
    payment = _existing(order_id)
    if payment.state != PaymentState.AUTHORIZED:
        _leave(payment, f"capture {capture_id}", expected=payment.capture_id == capture_id)
        return
    payment.state = PaymentState.CAPTURED
    payment.capture_id = capture_id
    payment.captured_minor = captured_minor
    payment.captured_at = timezone.now()
    payment.save(update_fields=["state", "capture_id", "captured_minor", "captured_at"])


def write_refunded(*, order_id: UUID, refund_id: str) -> None:
    """All of it was given back."""
    payment = _existing(order_id)
    if payment.state != PaymentState.CAPTURED:
        _leave(payment, f"refund {refund_id}", expected=payment.state == PaymentState.REFUNDED)
        return
    payment.state = PaymentState.REFUNDED
    payment.refund_id = refund_id
    payment.refunded_minor = payment.captured_minor
    payment.refunded_at = timezone.now()
    payment.save(update_fields=["state", "refund_id", "refunded_minor", "refunded_at"])


def _existing(order_id: UUID) -> Payment:
    payment = lock_payment(order_id)
    if payment is None:
        raise Payment.DoesNotExist(f"order {order_id} has no payment yet")
    return payment


def _leave(payment: Payment, news: str, *, expected: bool = False) -> None:
    if not expected:
        logger.warning(
            "payment of order %s is %s; %s leaves it as it is", payment.order_id, payment.state, news
        )
