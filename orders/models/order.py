"""An order and its lines, as agreed when it was placed.

Only `status` and `cancel_reason` change afterwards, and only through `orders.services.status_changes`.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper
from django.utils import timezone

from orders.status import IN_WORDS, OrderStatus

MOST_PER_LINE = 10_000
"""Of one product on one line."""

ANONYMOUS = "anonymous"
"""The principal of API callers without a token. They are many, so their references say nothing; their idempotency keys do."""


class Order(models.Model):
    """What a customer asked for, at the price our catalog had."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    reference = models.CharField(max_length=64, db_index=True)
    """The client's own number, or one of ours such as `OR-7K3M9Q2X`."""
    email = models.EmailField(max_length=254)
    customer_name = models.CharField(max_length=200)
    customer: models.JSONField[Any, Any] = models.JSONField(default=dict, blank=True)
    """`{"code": str | null, "contact": str | null}`"""
    ship_to: models.JSONField[Any, Any] = models.JSONField()
    """Fields of `orders.contracts.ShipTo`."""
    carrier = models.CharField(max_length=100, blank=True, default="")
    card = models.CharField(max_length=64)
    """The payment provider's token; never a card number."""
    currency = models.CharField(max_length=3)
    total_minor = models.BigIntegerField("total (minor units)")
    status = models.CharField(
        max_length=20, choices=[(s.value, IN_WORDS[s]) for s in OrderStatus], default=OrderStatus.PLACED.value
    )
    cancel_reason = models.CharField(max_length=500, blank=True, default="")
    """In the customer's words; set exactly when cancelled."""
    placed_at = models.DateTimeField(default=timezone.now, editable=False)
    required_by = models.DateField(null=True, blank=True)
    content_hash = models.CharField(max_length=64, editable=False)
    """SHA-256 of what was asked for: tells a repeated request from another one with the same reference."""
    placed_by = models.CharField(max_length=200, blank=True, default="", editable=False)
    """The principal that sent it, e.g. `token:operator` or `command:place_orders`."""
    product_line = models.CharField(max_length=50, default="physical")

    class Meta:
        """Constraints first."""

        ordering = ("-placed_at", "-id")
        constraints = (
            models.CheckConstraint(
                name="order_status_known", condition=Q(status__in=[s.value for s in OrderStatus])
            ),
            models.CheckConstraint(name="order_total_positive", condition=Q(total_minor__gt=0)),
            models.CheckConstraint(name="order_currency_is_iso", condition=Q(currency__regex=r"^[A-Z]{3}$")),
            # Of each caller, so that nobody can take another's numbers.
            models.UniqueConstraint(
                fields=["placed_by", "reference"],
                condition=~Q(placed_by=ANONYMOUS),
                name="order_reference_unique",
            ),
            models.CheckConstraint(name="order_reference_not_empty", condition=~Q(reference="")),
            models.CheckConstraint(
                name="order_cancelled_has_reason",
                condition=(Q(status=OrderStatus.CANCELLED.value) & ~Q(cancel_reason=""))
                | (~Q(status=OrderStatus.CANCELLED.value) & Q(cancel_reason="")),
            ),
            # A card number has no letters; a token always begins with one.
            models.CheckConstraint(name="order_card_is_a_token", condition=Q(card__regex=r"^[A-Za-z]")),
        )
        indexes = (
            models.Index(fields=["-placed_at", "-id"], name="order_newest_first"),
            models.Index(fields=["status", "-placed_at"], name="order_by_status"),
            # Asked for without regard to case.
            models.Index(Upper("email"), name="order_by_email"),
            # A browser's own orders: my orders, and the address of the latest at the checkout.
            models.Index(fields=["placed_by", "-placed_at", "-id"], name="order_by_customer"),
        )

    def __str__(self) -> str:
        return self.reference


class OrderLine(models.Model):
    """One line of an order: what, how many, and the price at that time."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    position = models.PositiveSmallIntegerField()
    """Counted from 1, as the client listed them."""
    sku = models.CharField("SKU", max_length=64, db_index=True)
    name = models.CharField(max_length=200)
    quantity = models.PositiveIntegerField()
    unit_price_minor = models.BigIntegerField("unit price (minor units)")
    line_total_minor = models.BigIntegerField("line total (minor units)")

    class Meta:
        """Constraints first."""

        ordering = ("order", "position")
        constraints = (
            models.UniqueConstraint(fields=["order", "position"], name="order_line_position_unique"),
            models.CheckConstraint(
                name="order_line_quantity_in_range",
                condition=Q(quantity__gte=1, quantity__lte=MOST_PER_LINE),
            ),
            models.CheckConstraint(
                name="order_line_price_not_negative", condition=Q(unit_price_minor__gte=0)
            ),
            models.CheckConstraint(
                name="order_line_total_is_product",
                condition=Q(line_total_minor=F("quantity") * F("unit_price_minor")),
            ),
        )

    def __str__(self) -> str:
        return f"{self.quantity} x {self.sku}"
