"""The outbox: what leaves, without what is inside: nobody needs it to see where a message stands."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.contrib.admin import EmptyFieldListFilter
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.html import format_html_join

from orchestration.admin.beside import link_to, links
from orchestration.admin.read_only import FoundByTerm, ReadOnlyPage
from orchestration.admin.theme import label
from orchestration.engine.incidents.printed import command
from orchestration.models import OutboxMessage, Saga


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

    list_display = ("id", "told", "belongs_to", "shown_state", "created_at", "sent_at", "trouble")
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
        "shown_key",
        ("created_at", "sent_at"),
        ("received_at", "set_aside_at"),
        "claimed_until",
        ("send_failures", "losses"),
        "last_error",
        ("resent_at", "resent_by"),
        "resent_because",
    )
    readonly_fields = ("id", "shown_saga", "shown_key", "shown_state")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        own = Saga.objects.filter(id=OuterRef("saga_id"))
        of_key = Saga.objects.filter(business_key=OuterRef("key")).order_by("id")
        called = Coalesce(Subquery(own.values("reference")), Subquery(of_key.values("reference")[:1]))
        rows: QuerySet[Any] = super().get_queryset(request)
        rows = rows.annotate(key=KT("payload__key"), called=called)
        return rows

    def beside(self, row: Any) -> dict[str, Any]:
        sagas = self._sagas(row)
        key = row.key or next((saga.business_key for saga in sagas), "")
        said = f"{self.told(row)} for" if row.kind == "event" else "Dispatch of"
        return {"links": links(key) if key else [], "subtitle": f"{said} {self.belongs_to(row)}"}

    @admin.display(description="saga")
    def shown_saga(self, message: Any) -> str:
        """The sagas it is about, as links: the one to be dispatched, or those of an event's key."""
        return format_html_join(", ", "{}", ((link_to(saga),) for saga in self._sagas(message))) or "-"

    @admin.display(description="key")
    def shown_key(self, message: Any) -> str:
        """Of an event: the business key it is for."""
        return message.key or "-"

    @admin.display(description="for")
    def belongs_to(self, message: Any) -> str:
        """What people call what it is about; its key or id where no saga has it."""
        return str(message.called or message.key or message.saga_id or "-")

    @admin.display(description="trouble")
    def trouble(self, message: OutboxMessage) -> str:
        """How often sending it failed, and how often it was lost on its way."""
        failed, lost = message.send_failures, message.losses
        said = {
            f"{failed} send failure{'s' * (failed > 1)}": failed,
            f"lost {lost} time{'s' * (lost > 1)}": lost,
        }
        return ", ".join(words for words, times in said.items() if times) or "-"

    @admin.display(description="what")
    def told(self, message: OutboxMessage) -> str:
        """The event's type and whose copy it is, or that a saga is to be dispatched."""
        told = str(message.payload.get("type") or message.get_kind_display())
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

    def _sagas(self, message: Any) -> list[Saga]:
        fits = Q(pk=message.saga_id) if message.saga_id else Q(business_key=message.key or "")
        return list(Saga.objects.filter(fits).only("id", "reference", "business_key").order_by("id"))
