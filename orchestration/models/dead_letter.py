"""Messages that no worker could take in: set aside, counted, and shown."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class DeadLetter(models.Model):
    """One message, once by queue, reason and content; what comes again is counted. Its body is not kept: it may hold secrets."""

    REASONS: ClassVar[list[tuple[str, str]]] = [
        ("unknown_task", "no worker here knows the task"),
        ("undecodable", "its body cannot be decoded"),
        ("refused_content", "its content type is not taken"),
        ("malformed", "it is not what the task takes"),
        ("too_large", "it is too large"),
        ("kills_worker", "it kills the process that runs it"),
        ("bad_event", "the event's envelope is not valid"),
    ]

    id = models.BigAutoField(primary_key=True)
    queue = models.CharField(max_length=100)
    task = models.CharField(max_length=100, blank=True)
    """As the message names it; empty when that is no name."""
    reason = models.CharField(max_length=20, choices=REASONS)
    detail = models.CharField(max_length=300, blank=True)
    """What exactly was wrong; names of fields, no values."""
    size = models.PositiveIntegerField()
    """Bytes of the body."""
    excerpt = models.TextField(blank=True)
    """The shape of a JSON body without its values; of anything else the first bytes."""
    sha256 = models.CharField(max_length=64)
    """Of the body: tells whether two are the same, and finds it at whoever has sent it."""
    event = models.CharField(max_length=64, blank=True, db_default="")
    """SHA-256 of source and id of the event it carried, if it carried one: finds the message in our own outbox."""
    times = models.PositiveIntegerField(db_default=1)
    received_at = models.DateTimeField(db_default=Now())
    last_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar[list[str]] = ["-last_at"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["queue", "reason", "sha256"], name="dead_letter_counted_once"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["-last_at"], name="dead_letter_newest"),
            models.Index(fields=["event"], condition=~Q(event=""), name="dead_letter_of_event"),
        ]

    def __str__(self) -> str:
        return f"{self.reason}: {self.task or 'a message'} on {self.queue}"
