"""The inbox: what arrived, and what became of it at each saga, without what is inside: nobody needs it to see where an event stands."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest

from orchestration.admin.beside import business_keys, link_to, links
from orchestration.admin.read_only import FoundByTerm, ReadOnlyPage, ReadOnlyRows
from orchestration.admin.theme import label
from orchestration.models import InboxDelivery, InboxMessage, Saga

_COLOURS = {"due": "danger", "parked": "info", "applied": "success", "ignored": "warning"}
_FIRST = ("due", "applied", "parked", "ignored")
"""Which of several answers is shown first: what waits for somebody."""


class BecameFilter(SimpleListFilter):
    """What became of an event, at any saga."""

    title = "what became of it"
    parameter_name = "became"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return InboxDelivery.STATES

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if (chosen := self.value()) is None:
            return queryset
        became = InboxDelivery.objects.filter(state=chosen).values("message_id")
        if chosen == "parked":  # a union and no OR: each half is read by an index of its own
            became = became.union(InboxMessage.objects.filter(parked=True).values("id"))
        return queryset.filter(id__in=became)


class DeliveryRows(ReadOnlyRows):
    """What became of one event at each saga that it was for."""

    model = InboxDelivery
    verbose_name_plural = "What became of it"
    fields = ("shown_saga", "shown_state", "wait", "reason", "applied_at", "due_at")
    readonly_fields = ("shown_saga", "shown_state")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("saga").order_by("id")

    @admin.display(description="saga")
    def shown_saga(self, delivery: InboxDelivery) -> str:
        """The saga, as a link."""
        return link_to(delivery.saga)

    @label(description="state", colours=_COLOURS)
    def shown_state(self, delivery: InboxDelivery) -> tuple[str, str]:
        """What became of it."""
        return delivery.state, delivery.state


@admin.register(InboxMessage)
class InboxMessageAdmin(FoundByTerm, ReadOnlyPage):
    """Events that arrived, newest first, and what became of them."""

    instead = (
        "The engine applies each event once to each saga of its key. A parked one waits for its saga; nothing needs to be done. "
        "One that is due for long does not fit: the incident at its saga says what to do."
    )
    list_display = ("type", "belongs_to", "shown_state", "shown_reason", "source", "received_at")
    list_filter = (BecameFilter,)
    search_fields = ("key",)  # the search itself is below
    search_help_text = "Business key, order number or e-mail"
    ordering = ("-id",)
    fields: ClassVar[Any] = (("type", "source"), "event_id", "key", ("shown_state", "received_at"))
    readonly_fields = ("shown_state",)
    inlines = (DeliveryRows,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        saga = Saga.objects.filter(business_key=OuterRef("key")).order_by("id")
        rows: QuerySet[Any] = super().get_queryset(request)
        rows = rows.annotate(called=Subquery(saga.values("reference")[:1]))
        return rows.prefetch_related("deliveries")

    def beside(self, row: Any) -> dict[str, Any]:
        return {"links": links(row.key), "subtitle": f"{row.type} for {self.belongs_to(row)}"}

    @admin.display(description="for")
    def belongs_to(self, message: Any) -> str:
        """What people call what it is about; its key where no saga has it."""
        return str(message.called or message.key)

    @label(description="state", colours=_COLOURS)
    def shown_state(self, message: InboxMessage) -> tuple[str, str]:
        """What became of it, and where: a number for each answer where there are several sagas."""
        found = Counter(each.state for each in message.deliveries.all())
        if not found:
            return ("parked", "parked") if message.parked else ("ignored", "its saga was removed")
        states = [state for state in _FIRST if found[state]]
        if found.total() == 1:
            return states[0], states[0]
        return states[0], ", ".join(f"{state} {found[state]}" for state in states)

    @admin.display(description="reason")
    def shown_reason(self, message: InboxMessage) -> str:
        """Why it is ignored, or still due."""
        return next((each.reason for each in message.deliveries.all() if each.reason), "-")

    def found(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        named = Saga.objects.filter(reference__in={term, term.upper()}).values_list("business_key", flat=True)
        return rows.filter(key__in={term, *named[:50], *business_keys(term)})
