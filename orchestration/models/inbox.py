"""What arrives, and what becomes of it: the inbox, and its deliveries to sagas."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from orchestration.models.ids import new_id


class InboxMessage(models.Model):
    """An event that arrived, kept once by (source, event id). What became of it, its deliveries say."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    source = models.CharField(max_length=100)
    event_id = models.CharField(max_length=200)
    type = models.CharField(max_length=100)
    key = models.CharField(max_length=200)
    """Business key of the sagas it is for."""
    envelope = models.JSONField()
    parked = models.BooleanField(default=False)
    """No saga has had it: there was none of its key that waits for its type. The first that comes to wait for it gets it."""
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["source", "event_id"], name="inbox_each_event_once"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # Few among millions, and looked through by age, to be removed.
            models.Index(fields=["id"], condition=Q(parked=True), name="inbox_parked"),
            # What arrived for one order, whatever became of it.
            models.Index(fields=["key"], name="inbox_key"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.key}"


class InboxDelivery(models.Model):
    """What became of an event at one saga. Changed only under that saga's lock."""

    STATES: ClassVar[list[tuple[str, str]]] = [
        ("due", "due: to be applied, or does not fit yet"),
        ("parked", "parked: the saga may still come to wait for it"),
        ("applied", "applied"),
        ("ignored", "ignored: it came too late"),
    ]

    id = models.BigAutoField(primary_key=True)
    message = models.ForeignKey(InboxMessage, on_delete=models.CASCADE, related_name="deliveries")
    # `inbox_each_saga_once` begins with the saga: an index of its own would only be written, never read.
    saga = models.ForeignKey(
        "orchestration.Saga", on_delete=models.CASCADE, related_name="deliveries", db_index=False
    )
    wait = models.CharField(max_length=100, blank=True)
    """Name of the wait it was applied to, or whose data it does not fit."""
    state = models.CharField(max_length=10, choices=STATES, default="due")
    reason = models.CharField(max_length=200, blank=True)
    """Why it is ignored, or still due."""
    due_at = models.DateTimeField(null=True)
    """When it is looked at next; only while it is due."""
    applied_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["saga", "message"], name="inbox_each_saga_once"),
            models.CheckConstraint(
                condition=Q(state__in=["due", "parked", "applied", "ignored"]), name="delivery_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state="due", due_at__isnull=False) | (~Q(state="due") & Q(due_at=None)),
                name="delivery_due_has_a_moment",
            ),
            models.CheckConstraint(
                condition=Q(state="applied", applied_at__isnull=False)
                | (~Q(state="applied") & Q(applied_at=None)),
                name="delivery_applied_at_a_moment",
            ),
            models.CheckConstraint(
                condition=~Q(state="ignored") | ~Q(reason=""), name="delivery_ignored_for_a_reason"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # Few among millions.
            models.Index(
                fields=["state", "due_at"], condition=Q(state__in=["due", "parked"]), name="delivery_open"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.message} ({self.state})"
