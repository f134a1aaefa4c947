"""Failed tasks as django-celery-results keeps them, linked to the step they were sent for. Nothing without that package."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.apps import apps
from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from orchestration.admin.beside import Link, address_of, flower_task
from orchestration.admin.masking import shown
from orchestration.admin.read_only import FoundByTerm, ReadOnlyPage
from orchestration.admin.theme import label
from orchestration.models import Saga, SagaStep
from orchestration.sentences import explained
from orchestration.shown import unbroken

STATUS_COLOURS = {"SUCCESS": "success", "FAILURE": "danger", "RETRY": "warning", "STARTED": "info"}


REFUSED = '"StepRejected"'
"""In what is kept of a task whose step was refused by a business rule: that is an answer, and no failure."""


class RefusedFilter(SimpleListFilter):
    """Refusals by a business rule apart from failures."""

    title = "outcome"
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("failed", "failed"), ("refused", "business no")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "failed":
                return queryset.exclude(result__contains=REFUSED)
            case "refused":
                return queryset.filter(result__contains=REFUSED)
            case _:
                return queryset


class TaskResultAdmin(FoundByTerm, ReadOnlyPage):
    """Failed tasks, newest first."""

    instead = (
        "A mirror of failed tasks for people; the engine never reads it. What became of a task stands in its saga's "
        "steps; the page of the saga has the commands for a step that was given up."
    )
    list_display = ("task_name", "order", "shown_status", "why", "date_done")
    list_filter: ClassVar[Any] = (RefusedFilter, "date_done")
    search_fields = ("task_id",)  # the search itself is below
    search_help_text = "Task id, task name, order number or saga id"
    ordering = ("-id",)
    fields: ClassVar[Any] = (
        ("called", "shown_status"),
        ("order", "failed_at"),
        "identity",
        "arguments",
        "outcome",
        "shown_traceback",
    )
    readonly_fields = (
        "called",
        "failed_at",
        "identity",
        "shown_status",
        "order",
        "arguments",
        "outcome",
        "shown_traceback",
    )

    @label(description="status", ordering="status", colours=STATUS_COLOURS)
    def shown_status(self, result: Any) -> tuple[str, str]:
        """The task's state as a coloured label."""
        return result.status, result.status.lower()

    @admin.display(description="task")
    def called(self, result: Any) -> str:
        """The task's name."""
        return result.task_name or "-"

    @admin.display(description="ended at")
    def failed_at(self, result: Any) -> Any:
        """When it ended."""
        return result.date_done

    @admin.display(description="task id")
    def identity(self, result: Any) -> str:
        """Celery's id of it."""
        return str(result.task_id)

    @admin.display(description="order")
    def order(self, result: Any) -> str:
        """What people call its saga, as its message said."""
        return str(arguments_of(result).get("order") or "-")

    @admin.display(description="why")
    def why(self, result: Any) -> str:
        """The error, on one line."""
        told = _loaded(result.result)
        if not isinstance(told, dict):
            return "-"
        name = told.get("error") or told.get("exc_type") or ""
        return explained(name, told.get("message") or told.get("exc_message") or "")[:160]

    @admin.display(description="arguments")
    def arguments(self, result: Any) -> str:
        """What its message carried, masked."""
        return _block(shown(arguments_of(result)))

    @admin.display(description="result")
    def outcome(self, result: Any) -> str:
        """What it gave or raised, masked."""
        return _block(shown(_loaded(result.result)))

    @admin.display(description="traceback")
    def shown_traceback(self, result: Any) -> str:
        """Where it was raised."""
        return _block(result.traceback or "")

    def found(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        return rows.filter(Q(task_id=term) | Q(task_name=term) | Q(task_kwargs__contains=json.dumps(term)))

    def beside(self, row: Any) -> dict[str, Any]:
        links: Sequence[Link] = saga_links(row)
        flower = flower_task(row.task_id)
        return {
            "links": [*links, Link("Flower", flower)] if flower else links,
            "subtitle": f"{row.task_name} {row.task_id}",
        }


def saga_links(result: Any) -> list[Link]:
    """Links to the step that a task was sent for, or to its saga where another task has taken the step over since."""
    given = arguments_of(result)
    try:
        saga_id = UUID(str(given.get("saga", "")))
    except ValueError:
        return []
    saga = Saga.objects.filter(pk=saga_id).only("id", "reference", "business_key").first()
    if saga is None:
        return []
    address, called = address_of(saga), saga.reference or saga.business_key
    step = SagaStep.objects.filter(saga=saga, task_id=result.task_id).only("id", "name").first()
    if step is not None:
        return [Link(f"Saga {called}, step {step.name}", f"{address}#step-{step.pk}")]
    return [Link(f"Saga {called}", address)]


def arguments_of(result: Any) -> dict[str, Any]:
    """The named arguments of a task's message; empty when they are not JSON."""
    found = _loaded(result.task_kwargs)
    return found if isinstance(found, dict) else {}


def _loaded(text: str | None) -> Any:
    """JSON, also when it was encoded twice; the text itself when it is no JSON."""
    found: Any = text
    for _ in range(2):
        if isinstance(found, str):
            try:
                found = json.loads(found)
            except ValueError:
                return found
    return found


def _block(text: str) -> str:
    return (
        format_html('<pre class="orchestration-json" tabindex="0">{}</pre>', unbroken(text)) if text else "-"
    )


def _register() -> None:
    """Take the place of the package's own pages, which know neither our theme nor sagas."""
    from django_celery_results import admin as _theirs  # noqa: F401 - registers its pages, so that ours replace them
    from django_celery_results.models import GroupResult, TaskResult

    admin.site.unregister(TaskResult)
    admin.site.register(TaskResult, TaskResultAdmin)
    # Chords count in Redis; this table stays empty.
    admin.site.unregister(GroupResult)


if apps.is_installed("django_celery_results"):
    _register()
