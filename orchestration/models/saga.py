"""One run of a saga definition. Its state changes only under its row lock, by a permitted transition."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from orchestration.core.planning.states import TERMINAL, SagaState
from orchestration.models.ids import new_id

LIVE = sorted(state.value for state in SagaState if state not in TERMINAL)


class Saga(models.Model):
    """One run of a definition, found by (definition, business key)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    definition = models.CharField(max_length=100)
    version = models.PositiveIntegerField()
    fingerprint = models.CharField(max_length=64)
    state = models.CharField(
        max_length=16,
        choices=[(s.value, s.value.replace("_", " ")) for s in SagaState],
        default=SagaState.ACCEPTED.value,
    )
    paused = models.BooleanField(default=False)
    epoch = models.PositiveIntegerField(default=1)
    """Raised when a pause, an undo or a person changes the course; messages of an older epoch are dropped."""
    milestone = models.CharField(max_length=60, blank=True)
    business_key = models.CharField(max_length=200)
    """What the saga is about, e.g. an order's id; events find the saga by it."""
    reference = models.CharField(max_length=100, blank=True)
    """The business key as people say it, e.g. an order number; shown in the broker's task arguments."""
    input = models.JSONField()
    failure = models.JSONField(null=True, blank=True)
    """Why it is or was undone: kind, step, code, message, data."""
    wake_at = models.DateTimeField(null=True)
    """When the heartbeat looks at it even if no message comes; null when only a person or nothing is awaited."""
    awaits_queue = models.CharField(max_length=100, blank=True, db_default="")
    """The queue in which its message may still lie; the answer to a probe of that queue wakes the saga."""
    rescues = models.PositiveIntegerField(default=0)
    """How often the heartbeat had to send again what was lost."""
    deadline = models.DateTimeField(null=True, blank=True)
    trace_id = models.CharField(max_length=32, blank=True)
    product_line = models.CharField(max_length=40, blank=True)
    partition_key = models.CharField(max_length=40, blank=True)
    last_seq = models.PositiveIntegerField(default=0)
    """Number of the newest row of its history."""
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at"]
        # Flower has no rows of its own to hang a permission on; what it shows are the tasks of sagas.
        permissions = (("view_flower", "Can see Flower, and in it every task"),)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # In this order it also finds every saga of a business key, for an event or a person.
            models.UniqueConstraint(fields=["business_key", "definition"], name="saga_one_per_business_key"),
            models.CheckConstraint(
                condition=Q(state__in=sorted(s.value for s in SagaState)), name="saga_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=LIVE, ended_at__isnull=True)
                | (~Q(state__in=LIVE) & Q(ended_at__isnull=False)),
                name="saga_ended_iff_terminal",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # The sweep reads only what is due, however many sagas have ended or wait.
            models.Index(fields=["wake_at"], condition=Q(wake_at__isnull=False), name="saga_due"),
            models.Index(fields=["awaits_queue"], condition=~Q(awaits_queue=""), name="saga_awaits_queue"),
            # With the id it is a total order: lists of one state, and retention, go on exactly where they stopped.
            models.Index(fields=["state", "-created_at", "-id"], name="saga_by_state"),
            # Few among millions: what a person has to look at.
            models.Index(fields=["-created_at", "-id"], condition=Q(paused=True), name="saga_paused"),
            models.Index(fields=["-created_at", "-id"], condition=Q(rescues__gt=0), name="saga_rescued"),
            # Also finds what a reference begins with, in any collation.
            models.Index(fields=["reference"], opclasses=["varchar_pattern_ops"], name="saga_reference"),
            models.Index(fields=["-created_at", "-id"], name="saga_newest_first"),
        ]

    def __str__(self) -> str:
        return f"{self.definition} {self.reference or self.business_key} ({self.state})"
