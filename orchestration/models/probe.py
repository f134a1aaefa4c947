"""What is known of each queue: how long ago a message sent through it has arrived."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q


class QueueProbe(models.Model):
    """One row for each queue that was ever asked about. Times are the database's."""

    queue = models.CharField(max_length=100, primary_key=True)
    asked_at = models.DateTimeField()
    """When the newest probe was sent."""
    proven_at = models.DateTimeField(null=True)
    """When the newest probe that has arrived was sent: what was sent through the queue before it has arrived, or is lost."""
    unanswered = models.PositiveIntegerField(db_default=1)
    """Probes sent since one arrived."""

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(proven_at__isnull=True) | Q(proven_at__lte=F("asked_at")),
                name="probe_proof_was_asked",
            ),
        ]

    def __str__(self) -> str:
        return self.queue
