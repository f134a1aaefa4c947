"""Answers already given, by idempotency key.

A row is written in the transaction that did the work, so an answer is stored exactly when its effect is; there is no
"in progress" row that a dead process could leave behind.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

LONGEST_KEY = 255


class IdempotencyKey(models.Model):
    """One answer, to be given again to whoever sends the same request under the same key."""

    principal = models.CharField(max_length=200)
    """Who asked; keys of different callers never meet."""
    key = models.CharField(max_length=LONGEST_KEY)
    request_hash = models.CharField(max_length=64)
    """SHA-256 of the request's method, path and JSON content."""
    status_code = models.PositiveSmallIntegerField()
    body = models.TextField()
    """The answer, byte for byte (UTF-8)."""
    location = models.CharField(max_length=200, blank=True, default="")
    """The answer's `Location` header."""
    created = models.DateTimeField(default=timezone.now)

    class Meta:
        """Constraints first."""

        constraints = (
            models.UniqueConstraint(fields=["principal", "key"], name="idempotency_key_unique"),
            models.CheckConstraint(name="idempotency_key_not_empty", condition=~Q(key="")),
            models.CheckConstraint(
                name="idempotency_status_is_success",
                condition=Q(status_code__gte=200, status_code__lt=300),
            ),
        )

    def __str__(self) -> str:
        return f"{self.principal} {self.key}"
