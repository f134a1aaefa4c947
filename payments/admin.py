"""Payments in the admin: to read only. What happens to money happens in steps."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin

from orchestration.admin.participants import ParticipantPage
from orchestration.admin.theme import label
from orchestration.money import format_minor
from payments.models import Payment, PaymentState

COLOURS = {
    PaymentState.AUTHORIZED.value: "info",
    PaymentState.CAPTURED.value: "success",
    PaymentState.REFUNDED.value: "warning",
    PaymentState.VOIDED.value: "plain",
}


@admin.register(Payment)
class PaymentAdmin(ParticipantPage):
    """One row for each order's payment, newest first."""

    instead = (
        "Money moves in the steps of a saga. The page of its saga has the command that stops the order "
        "and has the money given back, and those for a refund that failed."
    )
    list_display = (
        *("belongs_to", "shown_state", "amount", "captured", "refunded"),
        *("authorized_at", "captured_at"),
    )
    list_filter = ("state",)
    search_help_text = "Order number, e-mail, order id or authorization"
    found_by = ("authorization_id",)
    fields: ClassVar[Any] = (
        ("belongs_to", "shown_state"),
        ("amount", "captured"),
        ("refunded", "voided_at"),
        ("authorized_at", "captured_at"),
        ("authorization_id", "capture_id"),
        ("refund_id", "refunded_at"),
        "order_id",
    )
    readonly_fields = ("belongs_to", "shown_state", "amount", "captured", "refunded")

    @label(description="state", ordering="state", colours=COLOURS)
    def shown_state(self, payment: Payment) -> tuple[str, str]:
        """How far the money has come, as a coloured label."""
        return payment.state, payment.get_state_display()

    @admin.display(description="amount", ordering="amount_minor")
    def amount(self, payment: Payment) -> str:
        """What is or was held, as money."""
        return format_minor(payment.amount_minor, payment.currency)

    @admin.display(description="captured", ordering="captured_minor")
    def captured(self, payment: Payment) -> str:
        """What was taken, as money."""
        return format_minor(payment.captured_minor, payment.currency) if payment.captured_minor else "-"

    @admin.display(description="refunded", ordering="refunded_minor")
    def refunded(self, payment: Payment) -> str:
        """What was given back, as money."""
        return format_minor(payment.refunded_minor, payment.currency) if payment.refunded_minor else "-"
