"""Pages of rows that only code may change, with a sentence that says what to use instead. For every app that has such rows."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join

from orchestration.admin.lookups import OwnLookups
from orchestration.admin.paging import EstimatingPaginator
from orchestration.admin.theme import Page, Rows
from orchestration.admin.unbroken import Unbroken
from orchestration.shown import unbroken


class ReadOnly:
    """Nobody adds, changes or deletes by hand."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class Titled:
    """A row under another title: what stands at the top of its page is for people, and has no ids in it."""

    def __init__(self, row: Any, title: str) -> None:
        self._row = row
        self._title = title

    def __getattr__(self, name: str) -> Any:
        return getattr(self._row, name)

    def __str__(self) -> str:
        return self._title


class ReadOnlyRows(Unbroken, ReadOnly, Rows):
    """Rows below another row; `fields` names what is shown of them."""

    extra = 0
    show_change_link = False
    hide_title = True
    """The theme would put each row's own text above it, where its ids are broken."""

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Everything: a form of these rows has no field that could be written."""
        return flatten_fieldsets(self.get_fieldsets(request, obj))


class ReadOnlyPage(Unbroken, OwnLookups, ReadOnly, Page):
    """A list and a page for each row; both stay quick with many rows: counts are estimated and nothing is counted twice.

    Set `instead` to what a person should use who came here to change something; commands stand between backticks.
    """

    instead: ClassVar[str] = ""
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = EstimatingPaginator
    change_list_template = "orchestration/admin/change_list.html"
    change_form_template = "orchestration/admin/change_form.html"
    list_filter_sheet = True

    class Media:
        """Our own few rules, for both themes."""

        css: ClassVar[dict[str, list[str]]] = {"all": ["orchestration/admin.css"]}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        context = {"instead": with_code(self.instead), **(extra_context or {})}
        return super().changelist_view(request, context)

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> Any:
        context["instead"] = with_code(self.instead if obj is None else self.instead_of(obj))
        if obj is not None:
            context.update(self.beside(obj))
            context["original"] = Titled(obj, str(context.get("subtitle") or obj))
        return super().render_change_form(request, context, add, change, form_url, obj)

    def instead_of(self, row: Any) -> str:
        """What a person should use who came to the page of one row to change it."""
        return self.instead

    def beside(self, row: Any) -> dict[str, Any]:
        """What else the template of a row's page is given."""
        return {}


class FoundByTerm:
    """A list whose search takes what was typed as one term, and looks only where an index helps."""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        return (self.found(queryset, term) if term else queryset), False

    def found(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        """The rows that a term (not empty, without spaces around it) means; none of them twice."""
        raise NotImplementedError


def with_code(text: str) -> str:
    """A sentence as HTML, with what stands between backticks as code."""
    parts = enumerate(text.split("`"))
    return format_html_join(
        "",
        "{}",
        ((format_html("<code>{}</code>", unbroken(part)) if i % 2 else unbroken(part),) for i, part in parts),
    )
