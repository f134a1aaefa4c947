"""Messages that no worker could take in: to look at, not to change."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin

from orchestration.admin.read_only import ReadOnlyPage
from orchestration.models import DeadLetter


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyPage):
    """Dead letters, the newest first."""

    instead = (
        "No worker could take these messages in; they are acknowledged and kept here. Mend whoever sends them; what "
        "a saga lacks because of one is sent again by the heartbeat, but for an event of our own: that waits in the "
        "outbox, and its page there has the command that sends it again."
    )
    list_display = ("reason", "task", "queue", "detail", "size", "times", "received_at", "last_at")
    list_filter: ClassVar[Any] = ("reason", "queue")
    search_fields = ("task", "sha256")
    search_help_text = "Task name or SHA-256 of the body"
    ordering = ("-last_at",)
