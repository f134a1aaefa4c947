"""Filters of the list of sagas. Their choices come from code, never from reading a whole table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.admin import SimpleListFilter
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from orchestration.core.definition import registry
from orchestration.core.definition.nodes import Step
from orchestration.core.planning.kinds import HistoryKind
from orchestration.models import Incident, SagaEvent
from orchestration.models.saga import LIVE

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

_Rows = QuerySet[Any]


class DefinitionFilter(SimpleListFilter):
    """By definition, all versions."""

    title = "definition"
    parameter_name = "definition"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [(name, name) for name in sorted({known.name for known in registry.everything()})]

    def queryset(self, request: HttpRequest, queryset: _Rows) -> _Rows:
        return queryset.filter(definition=self.value()) if self.value() else queryset


class MilestoneFilter(SimpleListFilter):
    """By the last milestone reached."""

    title = "milestone"
    parameter_name = "milestone"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [("-", "none yet"), *((name, name) for name in _milestones())]

    def queryset(self, request: HttpRequest, queryset: _Rows) -> _Rows:
        match self.value():
            case None:
                return queryset
            case "-":
                return queryset.filter(milestone="")
            case milestone:
                return queryset.filter(milestone=milestone)


class AgeFilter(SimpleListFilter):
    """By when it began."""

    title = "age"
    parameter_name = "age"
    SPANS: ClassVar[dict[str, tuple[str, timedelta]]] = {
        "hour": ("begun within the hour", timedelta(hours=1)),
        "day": ("begun within a day", timedelta(days=1)),
        "week": ("begun within a week", timedelta(days=7)),
    }
    OLD: ClassVar[dict[str, tuple[str, timedelta]]] = {
        "open-hour": ("open for more than an hour", timedelta(hours=1)),
        "open-day": ("open for more than a day", timedelta(days=1)),
        "open-week": ("open for more than a week", timedelta(days=7)),
    }

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [(name, words) for name, (words, _) in (self.SPANS | self.OLD).items()]

    def queryset(self, request: HttpRequest, queryset: _Rows) -> _Rows:
        if (span := self.SPANS.get(self.value() or "")) is not None:
            return queryset.filter(created_at__gte=timezone.now() - span[1])
        if (span := self.OLD.get(self.value() or "")) is not None:
            return queryset.filter(state__in=LIVE, created_at__lt=timezone.now() - span[1])
        return queryset


class AttentionFilter(SimpleListFilter):
    """By what a person has to do with it."""

    title = "attention"
    parameter_name = "attention"
    CHOICES: ClassVar[dict[str, tuple[str, Callable[[], Q | Exists]]]] = {
        "incident": (
            "open incident",
            lambda: Exists(Incident.objects.filter(saga=OuterRef("pk"), resolved_at=None)),
        ),
        "open": ("not ended", lambda: Q(state__in=LIVE)),
        "paused": ("paused", lambda: Q(paused=True)),
        "rescued": ("sent again, not heard of since", lambda: Q(rescues__gt=0)),
        "redated": ("times corrected within a day", lambda: Q(id__in=redated().values("saga_id"))),
    }

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [(name, words) for name, (words, _) in self.CHOICES.items()]

    def queryset(self, request: HttpRequest, queryset: _Rows) -> _Rows:
        chosen = self.CHOICES.get(self.value() or "")
        return queryset.filter(chosen[1]()) if chosen is not None else queryset


def redated() -> QuerySet[SagaEvent]:
    """Entries of the last day that tell of times which a wrong clock of the database had given."""
    return SagaEvent.objects.filter(
        kind__in=[HistoryKind.TIMES_CORRECTED, HistoryKind.TIMES_CORRECTED.late],
        at__gte=timezone.now() - timedelta(days=1),
    )


SAGA_FILTERS: tuple[Any, ...] = ("state", AttentionFilter, AgeFilter, DefinitionFilter, MilestoneFilter)


def _milestones() -> Iterable[str]:
    """Of every known definition, in the order of the flows."""
    nodes = (node for known in registry.everything() for node in known.walk())
    return dict.fromkeys(node.milestone for node in nodes if isinstance(node, Step) and node.milestone)
