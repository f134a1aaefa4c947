"""What leaves and what arrives: the outbox and the inbox."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from orchestration.models.ids import new_id


class OutboxMessage(models.Model):
    """Something to be sent, written in the transaction that decided it."""

    KINDS: ClassVar[list[tuple[str, str]]] = [("dispatch", "dispatch a saga"), ("event", "publish an event")]

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=10, choices=KINDS)
    saga_id = models.UUIDField(null=True)
    payload = models.JSONField(default=dict)
    """For an event, its envelope."""
    created_at = models.DateTimeField(db_default=Now())
    claimed_until = models.DateTimeField(null=True)
    """A relay is sending it, or has failed to; after this moment another may."""
    sent_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField(null=True)
    """Of an event: when our own inbox took it. Until then it may be lost, and is sent again when that is proved."""
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


class InboxMessage(models.Model):
    """An event that arrived, kept once by (source, event id)."""

    STATES: ClassVar[list[tuple[str, str]]] = [
        ("parked", "parked: nobody waits for it yet"),
        ("applied", "applied"),
        ("ignored", "ignored: it came too late"),
    ]

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    source = models.CharField(max_length=100)
    event_id = models.CharField(max_length=200)
    type = models.CharField(max_length=100)
    key = models.CharField(max_length=200)
    """Business key of the saga it is for."""
    envelope = models.JSONField()
    state = models.CharField(max_length=10, choices=STATES, default="parked")
    reason = models.CharField(max_length=200, blank=True)
    saga_id = models.UUIDField(null=True)
    received_at = models.DateTimeField(db_default=Now())
    applied_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["source", "event_id"], name="inbox_each_event_once"),
            models.CheckConstraint(
                condition=Q(state__in=["parked", "applied", "ignored"]), name="inbox_state_known"
            ),
            models.CheckConstraint(
                condition=~Q(state="applied") | Q(saga_id__isnull=False), name="inbox_applied_to_a_saga"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["key", "type"], condition=Q(state="parked"), name="inbox_parked"),
            # What arrived for one order, whatever became of it.
            models.Index(fields=["key"], name="inbox_key"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.key} ({self.state})"
