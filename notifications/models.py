"""Every e-mail that was or will be sent: one for each order and kind of news, with the words the customer reads."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone


class Kind(models.TextChoices):
    """What the customer is told."""

    ORDER_SHIPPED = "order_shipped", "order shipped"
    ORDER_BACKORDERED = "order_backordered", "order back-ordered"
    ORDER_CANCELLED = "order_cancelled", "order cancelled"


class EmailState(models.TextChoices):
    """Whether it has left."""

    PENDING = "pending", "pending"
    """Written; it may or may not have left already."""
    SENT = "sent", "sent"
    """It has left, and that is recorded."""
    UNMAILABLE = "unmailable", "not mailed"
    """It cannot be mailed, certainly; `problem` says why, and the order goes on without it."""


class EmailMessage(models.Model):
    """One e-mail. Its words are fixed when it is first written, so a repetition sends the same ones."""

    order_id = models.UUIDField()
    kind = models.CharField(max_length=32, choices=Kind.choices)
    message_id = models.CharField(max_length=255, unique=True)
    """The part of the Message-ID header before the @: the step's idempotency key in safe letters."""
    to = models.EmailField(max_length=254)
    subject = models.CharField(max_length=255)
    text = models.TextField()
    html = models.TextField()
    state = models.CharField(max_length=16, choices=EmailState.choices, default=EmailState.PENDING)
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True, blank=True)
    file = models.CharField(max_length=255, default="", blank=True)
    """Name of the .eml file in the mail folder; empty when it went out in another way."""
    problem = models.CharField(max_length=255, default="", db_default="", blank=True)
    """Why it was not mailed; empty otherwise."""

    class Meta:
        ordering = ("-id",)
        verbose_name = "e-mail"
        constraints = [
            models.UniqueConstraint(name="one_email_per_order_and_kind", fields=("order_id", "kind")),
            models.CheckConstraint(
                name="email_state_fits_time",
                condition=Q(state=EmailState.PENDING, sent_at=None)
                | Q(state=EmailState.SENT, sent_at__isnull=False)
                | (Q(state=EmailState.UNMAILABLE, sent_at=None) & ~Q(problem="")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for order {self.order_id}: {self.state}"
