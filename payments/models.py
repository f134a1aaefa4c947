"""What we believe about the money of an order: one row each. The gateway's ledger is the truth it is compared with.

Rows are written in the `record` hooks of the steps only, in the transaction that records the step's result. The
constraints keep 0 <= refunded <= captured <= amount, and a state that agrees with the sums.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q


class PaymentState(models.TextChoices):
    """How far the money has come."""

    AUTHORIZED = "authorized", "authorized"
    """Held, not taken. The gateway lets go by itself once the authorization has expired."""
    CAPTURED = "captured", "captured"
    """Taken."""
    REFUNDED = "refunded", "refunded"
    """Taken and given back in full."""
    VOIDED = "voided", "voided"
    """Held once, and let go of."""


class Payment(models.Model):
    """The payment of one order."""

    order_id = models.UUIDField(unique=True)
    state = models.CharField(max_length=16, choices=PaymentState.choices)
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    """What is or was held, in minor units, like all amounts here."""
    captured_minor = models.BigIntegerField(default=0)
    refunded_minor = models.BigIntegerField(default=0)
    authorization_id = models.CharField(max_length=64, db_index=True)
    """The gateway's id of the authorization in use: the latest, when one was renewed."""
    capture_id = models.CharField(max_length=64, default="", blank=True)
    refund_id = models.CharField(max_length=64, default="", blank=True)
    authorized_at = models.DateTimeField()
    captured_at = models.DateTimeField(null=True, blank=True)
    refunded_at = models.DateTimeField(null=True, blank=True)
    voided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                name="payment_sums_in_order",
                condition=Q(refunded_minor__gte=0)
                & Q(refunded_minor__lte=F("captured_minor"))
                & Q(captured_minor__lte=F("amount_minor"))
                & Q(amount_minor__gt=0),
            ),
            models.CheckConstraint(name="payment_currency_iso", condition=Q(currency__regex=r"^[A-Z]{3}$")),
            models.CheckConstraint(
                name="payment_state_fits_sums",
                condition=Q(
                    state__in=[PaymentState.AUTHORIZED, PaymentState.VOIDED], captured_minor=0, capture_id=""
                )
                | Q(state=PaymentState.CAPTURED, captured_minor__gt=0, refunded_minor__lt=F("captured_minor"))
                & ~Q(capture_id="")
                | Q(state=PaymentState.REFUNDED, captured_minor__gt=0, refunded_minor=F("captured_minor"))
                & ~Q(refund_id=""),
            ),
        ]

    def __str__(self) -> str:
        return f"payment of order {self.order_id}: {self.state}"
