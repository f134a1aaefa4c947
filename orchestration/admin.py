"""Sagas, events, messages and incidents in the admin: to look at, not to change.

What changes a saga is its engine and what `orchestration.services` offers; a row edited by hand would no longer be what
its history says. What sagas and steps were given is not shown: it may hold addresses.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.apps import apps
from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils import timezone

from orchestration.models import InboxMessage, Incident, OutboxMessage, Saga, SagaEvent, SagaStep
from orchestration.terminal.words import span

if TYPE_CHECKING:
    _Page = admin.ModelAdmin[models.Model]
    _Rows = admin.TabularInline[models.Model, models.Model]
elif apps.is_installed("unfold"):
    from unfold.admin import ModelAdmin as _Page
    from unfold.admin import TabularInline as _Rows
else:
    from django.contrib.admin import ModelAdmin as _Page
    from django.contrib.admin import TabularInline as _Rows

_Column = Callable[[Any, Any], tuple[str, str]]

COLOURS = {
    "accepted": "info",
    "running": "info",
    "waiting": "warning",
    "compensating": "warning",
    "completed": "success",
    "compensated": "warning",
    "cancelled": "warning",
    "failed": "danger",
    "undo_failed": "danger",
    "pending": "info",
    "unknown": "warning",
    "done": "success",
    "rejected": "danger",
}
"""Of sagas and of steps, in unfold's words; without unfold a state is plain text."""


def _coloured(column: _Column) -> _Column:
    """Make a column of (state, words) a coloured label; without unfold, the words."""
    if apps.is_installed("unfold"):
        label = import_module("unfold.decorators").display
        return cast(_Column, label(description="state", ordering="state", label=COLOURS)(column))
    plain = admin.display(description="state", ordering="state")(lambda self, row: column(self, row)[1])
    return cast(_Column, plain)


class _ReadOnly:
    """Nobody adds, changes or deletes by hand."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class _RowsBelow(_ReadOnly, _Rows):
    extra = 0
    show_change_link = False


class StepRows(_RowsBelow):
    """Steps below their saga, in the order they began."""

    model = SagaStep
    fields = (
        "direction",
        "name",
        "shown_state",
        "attempts",
        "deliveries",
        "started_at",
        "ended_at",
        "outcome",
    )
    readonly_fields = fields
    ordering = ("id",)

    @_coloured
    def shown_state(self, step: SagaStep) -> tuple[str, str]:
        """The state as a coloured label."""
        return step.state, step.state.replace("_", " ")

    @admin.display(description="result or error")
    def outcome(self, step: SagaStep) -> str:
        """What came of it, on one line."""
        if step.error and step.error.get("message"):
            return f"{step.error.get('code', 'error')}: {step.error['message']}"
        return f"{step.result_type or ''} {_as_json(step.result)}".strip()


class HistoryRows(_RowsBelow):
    """The history below its saga, oldest first."""

    model = SagaEvent
    fields = ("seq", "at", "kind", "step", "direction", "before", "after", "who", "told")
    readonly_fields = fields
    ordering = ("seq",)
    verbose_name_plural = "history"

    @admin.display(description="details")
    def told(self, entry: SagaEvent) -> str:
        """What else was written down."""
        return _as_json({key: value for key, value in entry.data.items() if value not in (None, "")})


class IncidentRows(_RowsBelow):
    """Incidents below their saga, newest first."""

    model = Incident
    fields = ("kind", "step", "message", "runbook", "opened_at", "resolved_at", "resolved_by", "resolution")
    readonly_fields = fields


@admin.register(Saga)
class SagaAdmin(_ReadOnly, _Page):
    """Sagas, newest first; a saga's page has its steps, incidents and history."""

    list_display = ("called", "definition", "shown_state", "milestone", "age")
    list_filter = ("state", "definition", "milestone", "paused")
    search_fields = ("reference", "business_key", "id__exact")
    search_help_text = "Reference, business key or id"
    show_full_result_count = False
    inlines = (IncidentRows, StepRows, HistoryRows)
    fields = (
        ("reference", "business_key", "id"),
        ("definition", "version"),
        ("shown_state", "paused", "milestone"),
        "why",
        ("created_at", "updated_at", "ended_at"),
        ("wake_at", "deadline"),
        ("epoch", "rescues", "trace_id"),
    )
    readonly_fields = ("shown_state", "why", "id", "created_at", "updated_at", "ended_at")

    @admin.display(description="saga", ordering="reference")
    def called(self, saga: Saga) -> str:
        """How people call it."""
        return saga.reference or saga.business_key

    @_coloured
    def shown_state(self, saga: Saga) -> tuple[str, str]:
        """The state as a coloured label."""
        return saga.state, saga.get_state_display() + (" (paused)" if saga.paused else "")

    @admin.display(description="age", ordering="-created_at")
    def age(self, saga: Saga) -> str:
        """Since when it exists."""
        return span(timezone.now() - saga.created_at)

    @admin.display(description="failure")
    def why(self, saga: Saga) -> str:
        """Why it is or was undone."""
        if not saga.failure:
            return "-"
        at = f" at {saga.failure['step']}" if saga.failure.get("step") else ""
        return f"{saga.failure.get('kind', '')}{at}: {saga.failure.get('message', '')}"


class _Listed(_ReadOnly, _Page):
    show_full_result_count = False


@admin.register(Incident)
class IncidentAdmin(_Listed):
    """What waits for a person, newest first."""

    list_display = ("kind", "saga", "step", "message", "opened_at", "resolved_at")
    list_filter: ClassVar[Any] = (("resolved_at", admin.EmptyFieldListFilter), "kind")
    list_select_related = ("saga",)
    search_fields = ("saga__reference", "saga__business_key", "step")


@admin.register(InboxMessage)
class InboxMessageAdmin(_Listed):
    """Events that arrived, newest first, and what became of them."""

    list_display = ("type", "key", "state", "reason", "source", "received_at", "applied_at")
    list_filter = ("state", "type", "source")
    search_fields = ("key", "event_id")
    ordering = ("-received_at",)
    exclude = ("envelope",)


@admin.register(OutboxMessage)
class OutboxMessageAdmin(_Listed):
    """Messages to the broker, newest first; unsent ones are the sweep's work."""

    list_display = ("id", "kind", "saga_id", "created_at", "sent_at", "failures", "last_error")
    list_filter: ClassVar[Any] = (("sent_at", admin.EmptyFieldListFilter), "kind")
    search_fields = ("saga_id__exact",)
    ordering = ("-id",)
    exclude = ("payload",)


def _as_json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, default=str) if data else ""
