"""Admin pages of rows that belong to a saga's business key: found by what people call it, and linked to what is beside it."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.db.models import CharField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Cast
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst

from orchestration.admin.beside import business_keys, links
from orchestration.admin.read_only import FoundByTerm, ReadOnlyPage
from orchestration.models import Saga


class ParticipantPage(FoundByTerm, ReadOnlyPage):
    """Rows with a UUID column that is the business key of a saga.

    Offers the column `belongs_to` (what people call the saga, such as an order number), a search by that, by the key
    and by whatever the project's `ADMIN_SEARCH` understands, and links to what is beside the row. One query for a list.
    """

    key_field: ClassVar[str] = "order_id"
    found_by: ClassVar[tuple[str, ...]] = ()
    """More fields that a search compares as a whole; each should have an index."""
    search_fields = ("pk",)  # the search itself is below

    @admin.display(description="order")
    def belongs_to(self, row: Any) -> str:
        """What people call what it belongs to."""
        return str(row.called or getattr(row, self.key_field) or "-")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        saga = Saga.objects.filter(business_key=Cast(OuterRef(self.key_field), CharField())).order_by("id")
        rows: QuerySet[Any] = super().get_queryset(request)
        called: QuerySet[Any] = rows.annotate(called=Subquery(saga.values("reference")[:1]))
        return called

    def found(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        keys = {key for key in (_uuid(term), *map(_uuid, self._keys(term))) if key is not None}
        fits = Q(**{f"{self.key_field}__in": keys})
        for field in self.found_by:
            fits |= Q(**{field: term})
        return rows.filter(fits)

    def beside(self, row: Any) -> dict[str, Any]:
        own = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[row.pk])
        called = f"{capfirst(self.opts.verbose_name)} of {self.belongs_to(row)}"
        return {"links": links(str(getattr(row, self.key_field)), but=own), "subtitle": called}

    def _keys(self, term: str) -> list[str]:
        named = Saga.objects.filter(reference__in={term, term.upper()}).values_list("business_key", flat=True)
        return [*named[:50], *business_keys(term)]


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
