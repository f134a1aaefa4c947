"""What the page of one saga shows: its steps, incidents and history as plain values for the template. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.urls import reverse
from django.utils import timezone

from orchestration.admin import colours
from orchestration.admin.beside import flower_task
from orchestration.admin.masking import masked, shown
from orchestration.admin.misfit import data_of
from orchestration.admin.read_only import with_code
from orchestration.models import Incident, Saga, SagaEvent, SagaStep
from orchestration.operations.history_pages import history_page
from orchestration.operations.terminal.timeline import details
from orchestration.operations.terminal.words import DIRECTION_MARKS, brief, history_words, span
from orchestration.sentences import explained


@dataclass(frozen=True, slots=True, kw_only=True)
class StepShown:
    """One row of the table of steps."""

    id: int
    name: str
    mark: str
    """An arrow by direction."""
    direction: str
    state: str
    colour: str
    attempts: int
    deliveries: int
    started_at: datetime | None
    ended_at: datetime | None
    due_at: datetime | None
    took: str
    outcome: str
    """On one line."""
    input: str
    result: str
    result_type: str
    error: str
    """What the error says, as masked JSON without its traceback."""
    traceback: str
    task: str
    task_id: str
    flower: str
    task_result: str
    """Address of what django-celery-results keeps of the task."""
    flags: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryShown:
    """One row of the history."""

    seq: int
    at: datetime
    since: str
    """Time since the first entry."""
    step: str
    undo: bool
    words: str
    colour: str
    before: str
    after: str
    after_colour: str
    who: str
    told: str


def steps_of(saga: Saga) -> list[StepShown]:
    """Its steps and waits in the order they began. Two queries."""
    rows = list(SagaStep.objects.filter(saga=saga).order_by("id"))
    results = _task_results([row.task_id for row in rows if row.task_id])
    return [_step(row, results.get(row.task_id, "")) for row in rows]


def history_of(saga: Saga, before: str = "") -> dict[str, Any]:
    """Return a page of its history, the newest first, for the template. One query.

    Args:
        saga: whose.
        before: the number before which the page ends, as a query has it; what is none is ignored.
    """
    number = int(before) if before.isascii() and before.isdigit() and len(before) < 10 else None
    page = history_page(saga, before=number)
    return {
        "history": [_entry(entry, entry.at - saga.created_at) for entry in page.entries],
        "history_total": page.total,
        "history_older": page.older,
        "history_is_newest": number is None,
    }


def incidents_of(saga: Saga) -> list[Any]:
    """Its incidents, the open ones first, each with its runbook as HTML (`told`). One query, and one for each event that does not fit."""
    found: list[Any] = list(Incident.objects.filter(saga=saga).order_by("-opened_at"))
    for incident in found:
        incident.told = with_code(incident.runbook)
        incident.event_data = data_of(incident)
    return sorted(found, key=lambda incident: incident.resolved_at is not None)


def _step(row: SagaStep, task_result: str) -> StepShown:
    error: dict[str, Any] = dict(row.error or {})
    traceback = str(error.pop("traceback", "") or "")
    if error.get("message"):
        outcome = explained(error.get("code") or "", error["message"])
    else:
        facts = masked(row.result) if row.result else ""
        outcome = f"{row.result_type or ''} {brief(facts) if facts else ''}".strip()
    flags = {
        "outcome unknown": row.unsure,
        "came late": row.late,
        "skips the rest": row.skip_rest,
        f"generation {row.generation}": row.generation > 1,
    }
    return StepShown(
        id=row.pk,
        name=row.name,
        mark=DIRECTION_MARKS.get(row.direction, ""),
        direction=row.direction.replace("_", " "),
        state=row.state.replace("_", " "),
        colour=colours.STEP.get(row.state, "plain"),
        attempts=row.attempts,
        deliveries=row.deliveries,
        started_at=row.started_at or row.created_at,
        ended_at=row.ended_at,
        due_at=row.due_at,
        took=_took(row),
        outcome=brief(outcome, 240) if outcome else "",
        input=shown(row.input),
        result=shown(row.result),
        result_type=row.result_type or "",
        error=shown(error),
        traceback=traceback,
        task=row.task,
        task_id=row.task_id,
        flower=flower_task(row.task_id),
        task_result=task_result,
        flags=[words for words, true in flags.items() if true],
    )


def _took(row: SagaStep) -> str:
    began = row.started_at or row.created_at
    if row.ended_at is not None:
        return span(row.ended_at - began)
    return f"{span(timezone.now() - began)} so far"


def _entry(entry: SagaEvent, since: timedelta) -> EntryShown:
    return EntryShown(
        seq=entry.seq,
        at=entry.at,
        since=f"+{span(since)}",
        step=entry.step,
        undo=entry.direction == "undo",
        words=history_words(entry.kind),
        colour=colours.HISTORY.get(entry.kind, "plain"),
        before=entry.before.replace("_", " "),
        after=entry.after.replace("_", " "),
        after_colour=colours.SAGA.get(entry.after, "plain"),
        who="" if entry.who == "engine" else entry.who,
        told=details(masked(entry.data)),
    )


def _task_results(task_ids: list[str]) -> dict[str, str]:
    """Addresses of the task results that exist, by task id. One query, or none without django-celery-results."""
    if not task_ids or not apps.is_installed("django_celery_results"):
        return {}
    model = apps.get_model("django_celery_results", "TaskResult")
    found = model._default_manager.filter(task_id__in=task_ids).values_list("task_id", "pk")
    return {
        task_id: reverse("admin:django_celery_results_taskresult_change", args=[pk]) for task_id, pk in found
    }
