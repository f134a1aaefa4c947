"""One step of one saga in one direction: unique per saga, name, direction and generation."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from orchestration.core.planning.states import Direction, StepState


class SagaStep(models.Model):
    """The row that decides whether a step may run, has run, and what it gave."""

    id = models.BigAutoField(primary_key=True)
    # `step_once` begins with the saga: an index of its own would only be written, never read.
    saga = models.ForeignKey(
        "orchestration.Saga", on_delete=models.CASCADE, related_name="steps", db_index=False
    )
    name = models.CharField(max_length=100)
    direction = models.CharField(max_length=10, choices=[(d.value, d.value) for d in Direction])
    generation = models.PositiveSmallIntegerField(db_default=1)
    """Raised only by a person who has it done anew; part of the idempotency key."""
    state = models.CharField(
        max_length=10, choices=[(s.value, s.value) for s in StepState], db_default=StepState.PENDING.value
    )
    task = models.CharField(max_length=100, blank=True, db_default="")
    """Name of its Celery task; empty for a wait."""
    deliveries = models.PositiveIntegerField(db_default=0)
    """How often it was claimed, counted before acting: a step that kills its worker counts too."""
    attempts = models.PositiveIntegerField(db_default=0)
    """How many attempts have ended with an answer."""
    token = models.PositiveIntegerField(db_default=0)
    """Fencing token: grows with every claim; a result under an older one is refused."""
    lease_until = models.DateTimeField(null=True)
    unsure = models.BooleanField(db_default=False)
    """An attempt may have acted and nobody has looked yet."""
    skip_rest = models.BooleanField(db_default=False)
    late = models.BooleanField(db_default=False)
    """Its effect turned up after the saga had settled it as absent or had ended."""
    due_at = models.DateTimeField(null=True)
    """When a retry or a look-up is due, or a wait times out."""
    due_after = models.FloatField(null=True)
    """Seconds from the beginning of that rest to `due_at`: what tells a long rest from a moment of a clock that was wrong."""
    sent_at = models.DateTimeField(null=True)
    input = models.JSONField(null=True)
    result = models.JSONField(null=True)
    result_type = models.CharField(max_length=100, null=True)  # noqa: DJ001 - null means no result, as in SQL
    error = models.JSONField(null=True)
    """Of the newest failed attempt: kind, code, message, data, traceback."""
    task_id = models.CharField(max_length=50, blank=True, db_default="")
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    done_seq = models.PositiveIntegerField(null=True)
    """Number of the history row that recorded its end: the order in which steps finished."""

    class Meta:
        ordering: ClassVar[list[str]] = ["saga_id", "id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["saga", "name", "direction", "generation"], name="step_once"),
            models.CheckConstraint(
                condition=Q(state__in=sorted(s.value for s in StepState)), name="step_state_known"
            ),
            models.CheckConstraint(
                condition=Q(direction__in=sorted(d.value for d in Direction)), name="step_direction_known"
            ),
            models.CheckConstraint(
                condition=Q(attempts__lte=F("deliveries")) | Q(task=""), name="step_attempts_were_delivered"
            ),
            models.CheckConstraint(
                condition=~Q(state="running") | Q(lease_until__isnull=False), name="step_running_has_lease"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.direction} ({self.state})"

    def rest(self, seconds: float, *, since: datetime) -> datetime:
        """Note that it rests for so long; the caller saves it. Returns until when."""
        self.due_after, self.due_at = seconds, since + timedelta(seconds=seconds)
        return self.due_at
