"""The append-only history of sagas: who, what, why, before, after. Gap-free numbers per saga."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from orchestration.core.planning.kinds import HISTORY_KINDS, RESCUE_KINDS


class SagaEvent(models.Model):
    """One entry of a saga's history. Only ever added to; `verify` finds a gap, `saga replay` a forgery."""

    id = models.BigAutoField(primary_key=True)
    # `history_gap_free` begins with the saga: an index of its own would only be written, never read.
    saga = models.ForeignKey(
        "orchestration.Saga", on_delete=models.CASCADE, related_name="history", db_index=False
    )
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=40)
    """A `HistoryKind`; of what came after the end, its `late` form."""
    before = models.CharField(max_length=16, blank=True)
    after = models.CharField(max_length=16, blank=True)
    step = models.CharField(max_length=100, blank=True)
    direction = models.CharField(max_length=10, blank=True)
    who = models.CharField(max_length=100, blank=True)
    """`engine`, `customer`, or a person's name."""
    data = models.JSONField(default=dict)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar[list[str]] = ["saga_id", "seq"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["saga", "seq"], name="history_gap_free"),
            models.CheckConstraint(condition=Q(kind__in=sorted(HISTORY_KINDS)), name="history_kind_known"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # Few among millions: how often, and why, sagas had to be rescued.
            models.Index(
                fields=["kind"],
                condition=Q(kind__in=RESCUE_KINDS),
                name="history_rescues",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.seq}. {self.kind} {self.step}".strip()
