"""The outbox: what leaves, without what is inside: nobody needs it to see where a message stands."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.contrib.admin import EmptyFieldListFilter
from django.db.models import Q, QuerySet
from django.utils.html import format_html

from orchestration.admin.beside import address_of
from orchestration.admin.read_only import FoundByTerm, ReadOnlyPage
from orchestration.admin.theme import label
from orchestration.models import OutboxMessage, Saga
from orchestration.printed import command


@admin.register(OutboxMessage)
class OutboxMessageAdmin(FoundByTerm, ReadOnlyPage):
    """Messages to the broker, newest first; unsent ones are the sweep's work."""

    instead = (
        "The relay sends these and every worker's sweep sends what was left. Only an event that was set aside waits for "
        "you: mend the cause that stands in its last error; its page has the command that sends it again."
    )

    def instead_of(self, row: OutboxMessage) -> str:
        if row.set_aside_at is None:
            return self.instead
        resend = command("resend", str(row.pk), reason="mended")
        return f"It was set aside and waits for you: mend the cause that stands in its last error, then {resend}."

    list_display = ("id", "kind", "told", "shown_state", "created_at", "sent_at", "send_failures", "losses")
    list_filter: ClassVar[Any] = (
        ("sent_at", EmptyFieldListFilter),
        ("set_aside_at", EmptyFieldListFilter),
        "kind",
    )
    search_fields = ("saga_id",)  # the search itself is below
    search_help_text = "Id of the message or of its saga"
    ordering = ("-id",)
    fields: ClassVar[Any] = (
        ("kind", "shown_state"),
        ("id", "shown_saga"),
        ("created_at", "sent_at"),
        ("received_at", "set_aside_at"),
        "claimed_until",
        ("send_failures", "losses"),
        "last_error",
        ("resent_at", "resent_by"),
        "resent_because",
    )
    readonly_fields = ("id", "shown_saga", "shown_state")

    @admin.display(description="saga")
    def shown_saga(self, message: Any) -> str:
        """The saga it is about, as a link."""
        saga = Saga.objects.filter(pk=message.saga_id).only("id", "reference", "business_key").first()
        if saga is None:
            return "-"
        called = saga.reference or saga.business_key
        return format_html('<a class="orchestration-link" href="{}">{}</a>', address_of(saga), called)

    @admin.display(description="what")
    def told(self, message: OutboxMessage) -> str:
        """The event's type and whose copy it is, or the saga to be dispatched."""
        told = str(message.payload.get("type") or message.saga_id or "-")
        return f"{told}, for {message.queue}" if message.queue else told

    @label(
        description="state",
        colours={"sent": "success", "set aside": "danger", "failing": "danger", "unsent": "info"},
    )
    def shown_state(self, message: OutboxMessage) -> tuple[str, str]:
        """Whether it has left, and of an event whether our own worker could take it in."""
        if message.set_aside_at:
            state = "set aside"
        else:
            state = "sent" if message.sent_at else "failing" if message.send_failures else "unsent"
        return state, state

    def found(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        if term.isdecimal() and len(term) < 19:
            return rows.filter(pk=int(term))
        try:
            return rows.filter(Q(saga_id=UUID(term)))
        except ValueError:
            return rows.none()
