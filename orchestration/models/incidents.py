"""What waits for a person."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from orchestration.core.planning.kinds import IncidentKind
from orchestration.models.ids import new_id


class Incident(models.Model):
    """Something the engine cannot decide alone: names the step, the error and what to do."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    saga = models.ForeignKey("orchestration.Saga", on_delete=models.CASCADE, related_name="incidents")
    kind = models.CharField(max_length=40)
    step = models.CharField(max_length=100, blank=True)
    message = models.TextField()
    runbook = models.TextField()
    """What a person can do about it, in sentences."""
    opened_at = models.DateTimeField(db_default=Now())
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.CharField(max_length=100, blank=True)
    resolution = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-opened_at"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["saga", "kind", "step"],
                condition=Q(resolved_at__isnull=True),
                name="incident_open_once",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=sorted(kind.value for kind in IncidentKind)), name="incident_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.step or self.saga_id}"
