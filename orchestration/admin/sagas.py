"""The list of sagas, and the page of one."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from orchestration.admin import colours
from orchestration.admin.beside import address_of, business_keys, links
from orchestration.admin.drawing import is_drawn, picture
from orchestration.admin.filters import SAGA_FILTERS
from orchestration.admin.masking import shown
from orchestration.admin.read_only import FoundByTerm, ReadOnlyPage
from orchestration.admin.saga_page import history_of, incidents_of, steps_of
from orchestration.admin.theme import label
from orchestration.engine.incidents.printed import what_fits
from orchestration.models import Incident, Saga
from orchestration.operations.holding import held
from orchestration.operations.terminal.words import span
from orchestration.sentences import explained
from orchestration.standing import left_standing


@admin.register(Saga)
class SagaAdmin(FoundByTerm, ReadOnlyPage):
    """Sagas, newest first. A saga's page begins with its incidents and ends with its history."""

    instead = "The engine owns these rows. The page of a saga says which commands change its course; each is kept in the history."
    list_display = ("called", "shown_state", "milestone", "definition", "age", "took", "attention")
    list_filter = SAGA_FILTERS
    search_fields = ("reference",)  # the search itself is below
    search_help_text = "Number, business key, id, e-mail"
    ordering = ("-created_at",)
    change_form_template = "orchestration/admin/saga.html"
    fields = ("id",)

    def instead_of(self, row: Saga) -> str:
        return "The engine owns these rows. " + what_fits(row)

    @admin.display(description="saga", ordering="reference")
    def called(self, saga: Saga) -> str:
        """How people call it."""
        return saga.reference or saga.business_key

    @label(description="state", ordering="state", colours=colours.SAGA)
    def shown_state(self, saga: Saga) -> tuple[str, str]:
        """The state as a coloured label."""
        return saga.state, saga.get_state_display() + (" (paused)" if saga.paused else "")

    @admin.display(description="age", ordering="-created_at")
    def age(self, saga: Saga) -> str:
        """Since when it exists."""
        return span(timezone.now() - saga.created_at)

    @admin.display(description="took")
    def took(self, saga: Saga) -> str:
        """From its start to its end."""
        return span(saga.ended_at - saga.created_at) if saga.ended_at is not None else "-"

    @admin.display(description="attention")
    def attention(self, saga: Any) -> str:
        """What a person should know at a glance."""
        parts = []
        if saga.open_incidents:
            parts.append(f"{saga.open_incidents} open incident{'s' * (saga.open_incidents > 1)}")
        stays = [each.step for each in saga.left_standing if each.stays]
        if stays:
            parts.append(f"{', '.join(stays)} stays by decision")
        if saga.rescues:
            parts.append(f"sent again {saga.rescues} times" if saga.rescues > 1 else "sent again once")
        return ", ".join(parts) or "-"

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist: Any = super().get_changelist_instance(request)
        unresolved = Incident.objects.filter(saga__in=changelist.result_list, resolved_at=None)
        counted = Counter(unresolved.values_list("saga_id", flat=True))
        decided = left_standing([saga.pk for saga in changelist.result_list])
        for saga in changelist.result_list:
            saga.open_incidents = counted[saga.pk]
            saga.left_standing = decided.get(saga.pk, [])
        return changelist

    def found(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        """By the beginning of the reference, and by the whole business key, id, or what the project understands."""
        fits = Q(reference__startswith=term) | Q(reference__startswith=term.upper())
        fits |= Q(business_key__in={term, term.lower(), *business_keys(term)})
        with suppress(ValueError):
            fits |= Q(pk=UUID(term)) | Q(business_key=str(UUID(term)))
        return rows.filter(fits)

    def get_urls(self) -> list[URLPattern]:
        drawn = self.admin_site.admin_view(self.drawing_view)
        own = path("<uuid:saga_id>/flow.svg", drawn, name="orchestration_saga_flow")
        return [own, *super().get_urls()]

    def drawing_view(self, request: HttpRequest, saga_id: UUID) -> HttpResponse:
        """The flow as a picture.

        Raises:
            PermissionDenied: the account may not see sagas.
            Http404: there is no such saga, or nobody here knows its definition.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        saga = Saga.objects.filter(pk=saga_id).first()
        if saga is None:
            raise Http404("There is no such saga.")
        return picture(request, saga)

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> Any:
        if obj is not None:
            context.update(history_of(obj, request.GET.get("before", "")))
        return super().render_change_form(request, context, add, change, form_url, obj)

    def beside(self, row: Saga) -> dict[str, Any]:
        failure = row.failure or {}
        return {
            "saga": row,
            "state_colour": colours.SAGA.get(row.state, "plain"),
            "age": span(timezone.now() - row.created_at),
            "took": span(row.ended_at - row.created_at) if row.ended_at is not None else "",
            "failure": failure,
            "held": held(row),
            "failure_told": _told(failure),
            "left_standing": left_standing([row.pk]).get(row.pk, []),
            "failure_data": shown(failure.get("data")),
            "input": shown(row.input),
            "incidents": incidents_of(row),
            "steps": steps_of(row),
            "links": links(row.business_key, but=address_of(row)),
            "flow": reverse("admin:orchestration_saga_flow", args=[row.pk]) if is_drawn(row) else "",
            "subtitle": row.reference or row.business_key,
        }


def _told(failure: dict[str, Any]) -> str:
    """Kind, code and message of a failure; what is missing is left out."""
    code = f" ({failure['code']})" if failure.get("code") else ""
    return explained(f"{failure.get('kind', '')}{code}", failure.get("message", ""))
