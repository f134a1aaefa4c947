"""What leaves: the outbox."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class OutboxMessage(models.Model):
    """Something to be sent, written in the transaction that decided it."""

    KINDS: ClassVar[list[tuple[str, str]]] = [("dispatch", "dispatch a saga"), ("event", "publish an event")]

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=10, choices=KINDS)
    saga_id = models.UUIDField(null=True)
    payload = models.JSONField(default=dict)
    """For an event, its envelope."""
    queue = models.CharField(max_length=100, blank=True, db_default="")
    """Of an event: the subscriber whose copy it is; empty for our own inbox."""
    created_at = models.DateTimeField(db_default=Now())
    claimed_until = models.DateTimeField(null=True)
    """A relay is sending it, or has failed to; after this moment another may."""
    sent_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField(null=True)
    """Of an event: when our own inbox took it, or the subscriber had received its copy. Until then it may be lost, and is sent again."""
    set_aside_at = models.DateTimeField(null=True)
    """Of an event: when our own worker set it aside as a dead letter. It is not sent again until a person says so."""
    send_failures = models.PositiveIntegerField(db_default=0)
    """How often sending it failed: the broker refused it. The next try waits accordingly."""
    losses = models.PositiveIntegerField(db_default=0)
    """Of an event: how often it was sent, and proved lost. The next proof is asked for accordingly."""
    last_error = models.TextField(blank=True, db_default="")
    resent_at = models.DateTimeField(null=True)
    """Of an event that was set aside: when a person had it sent again. A dead letter from before says nothing of it."""
    resent_by = models.CharField(max_length=100, blank=True, db_default="")
    resent_because = models.TextField(blank=True, db_default="")

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            # Polled by "not yet sent", never by an id cursor: an earlier id may commit later.
            models.Index(fields=["id"], condition=Q(sent_at__isnull=True), name="outbox_unsent"),
            models.Index(
                fields=["sent_at"],
                condition=Q(
                    kind="event", received_at__isnull=True, sent_at__isnull=False, set_aside_at__isnull=True
                ),
                name="outbox_unreceived",
            ),
            models.Index(
                fields=["-set_aside_at"], condition=Q(set_aside_at__isnull=False), name="outbox_set_aside"
            ),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(kind="event") | Q(saga_id__isnull=False), name="outbox_dispatch_has_saga"
            ),
            models.CheckConstraint(
                condition=Q(set_aside_at=None)
                | Q(kind="event", sent_at__isnull=False, received_at__isnull=True),
                name="outbox_set_aside_never_arrived",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.payload.get('type') or self.saga_id}"
