"""Incidents: what waits for a person."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin import EmptyFieldListFilter, SimpleListFilter
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from orchestration.admin.beside import business_keys, link_to, links
from orchestration.admin.misfit import data_of
from orchestration.admin.read_only import FoundByTerm, ReadOnlyPage, with_code
from orchestration.admin.theme import label
from orchestration.core.planning.kinds import IncidentKind
from orchestration.models import Incident
from orchestration.shown import unbroken


class KindFilter(SimpleListFilter):
    """By what went wrong."""

    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind.value, kind.value.replace("_", " ")) for kind in IncidentKind]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(Incident)
class IncidentAdmin(FoundByTerm, ReadOnlyPage):
    """What waits for a person, newest first."""

    instead = "An incident closes by itself when its cause has gone. What to do is said in each, with the commands for it."
    list_display = ("shown_kind", "shown_saga", "step", "message", "shown_state", "opened_at")
    list_filter: ClassVar[Any] = (("resolved_at", EmptyFieldListFilter), KindFilter)
    list_select_related = ("saga",)
    search_fields = ("step",)  # the search itself is below
    search_help_text = "Number, business key, e-mail or step"
    ordering = (F("resolved_at").desc(nulls_first=True), "-id")  # the open ones first
    fields: ClassVar[Any] = (
        ("shown_saga", "shown_state"),
        ("shown_kind", "step"),
        "message",
        "event_data",
        "what_to_do",
        ("opened_at", "resolved_at"),
        ("resolved_by", "resolution"),
    )
    readonly_fields = ("shown_saga", "shown_kind", "shown_state", "event_data", "what_to_do")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """What an event holds is shown where it matters, to those who may see what sagas were given."""
        tells = obj is not None and request.user.has_perm("orchestration.view_saga") and data_of(obj)
        return [each for each in self.fields if each != "event_data" or tells]

    def beside(self, row: Incident) -> dict[str, Any]:
        called = row.saga.reference or row.saga.business_key
        return {"links": links(row.saga.business_key), "subtitle": f"{row.kind}: {row.step or called}"}

    @admin.display(description="the event's data")
    def event_data(self, incident: Incident) -> str:
        """What the event holds that does not fit."""
        return format_html(
            '<pre class="orchestration-json" tabindex="0">{}</pre>', unbroken(data_of(incident))
        )

    @admin.display(description="what to do")
    def what_to_do(self, incident: Incident) -> str:
        """The runbook, its commands as code."""
        return with_code(incident.runbook)

    @admin.display(description="kind", ordering="kind")
    def shown_kind(self, incident: Incident) -> str:
        """The kind in words."""
        return incident.kind.replace("_", " ")

    @admin.display(description="saga")
    def shown_saga(self, incident: Incident) -> str:
        """The saga, as a link."""
        return link_to(incident.saga)

    @label(description="state", ordering="resolved_at", colours={"open": "danger", "closed": "success"})
    def shown_state(self, incident: Incident) -> tuple[str, str]:
        """Whether somebody still has to act."""
        return ("open", "open") if incident.resolved_at is None else ("closed", "closed")

    def found(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        fits = Q(step=term) | Q(saga__reference__startswith=term) | Q(saga__business_key=term)
        return rows.filter(fits | Q(saga__business_key__in=business_keys(term)))
