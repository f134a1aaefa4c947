"""Payments in the admin: to read only. What happens to money happens in steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin

from payments.models import Payment

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    PaymentModelAdmin = ModelAdmin[Payment]
else:
    from unfold.admin import ModelAdmin as PaymentModelAdmin


@admin.register(Payment)
class PaymentAdmin(PaymentModelAdmin):
    """One row for each order's payment."""

    list_display = (
        "order_id",
        "state",
        "amount",
        "captured_minor",
        "refunded_minor",
        "authorized_at",
        "captured_at",
    )
    list_filter = ("state", "currency")
    search_fields = ("order_id", "authorization_id", "capture_id", "refund_id")

    @admin.display(description="amount", ordering="amount_minor")
    def amount(self, payment: Payment) -> str:
        """The amount in the currency's minor units."""
        return f"{payment.amount_minor} {payment.currency}"

    def has_add_permission(self, request: Any) -> bool:
        return False

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: Any, obj: Any = None) -> bool:
        return False
