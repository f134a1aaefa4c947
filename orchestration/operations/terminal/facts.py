"""A saga as plain JSON: the one shape that `--json` prints and the pages at the terminal are made of.

Left out on purpose: what the saga and its steps were given (addresses, e-mails). Results and errors are shown.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Count, Q

from orchestration.clock import with_zone
from orchestration.models import Incident, Saga, SagaEvent, SagaStep
from orchestration.operations.history_pages import PAGE, history_page
from orchestration.operations.holding import Held, held
from orchestration.operations.terminal.counting import rescues_in
from orchestration.standing import LeftStanding, left_standing


def summary(saga: Saga) -> dict[str, Any]:
    """The saga itself, without its steps."""
    return {
        "id": str(saga.id),
        "definition": saga.definition,
        "version": saga.version,
        "reference": saga.reference,
        "business_key": saga.business_key,
        "state": saga.state,
        "paused": saga.paused,
        "milestone": saga.milestone,
        "failure": saga.failure,
        "created_at": _iso(saga.created_at),
        "updated_at": _iso(saga.updated_at),
        "ended_at": _iso(saga.ended_at),
    }


def listing(*, state: str | None, definition: str | None, limit: int) -> dict[str, Any]:
    """The newest sagas and how many there are in all. Three queries, and two more where something was left standing."""
    found = Saga.objects.all()
    if state:
        found = found.filter(state=state)
    if definition:
        found = found.filter(definition=definition)
    unresolved = Count("incidents", filter=Q(incidents__resolved_at=None))
    newest = list(found.annotate(open_incidents=unresolved).order_by("-created_at")[:limit])
    decided = left_standing([saga.id for saga in newest])
    sagas = [
        {
            **summary(saga),
            "open_incidents": saga.open_incidents,
            "left_standing": [_left(each) for each in decided.get(saga.id, ())],
        }
        for saga in newest
    ]
    return {"total": found.count(), "sagas": sagas}


def everything(saga: Saga, *, before: int | None = None, most: int = PAGE) -> dict[str, Any]:
    """Return the saga with its steps, incidents and a page of its history. Five queries, and one more while it is paused.

    The entries of the page are in the order of their numbers; `history_older` is the `before` of the page of older ones.
    """
    page = history_page(saga, before=before, most=most)
    told = SagaEvent.objects.filter(saga=saga).order_by("kind").values_list("kind")
    return {
        **summary(saga),
        "rescued": rescues_in(dict(told.annotate(number=Count("pk")))),
        "left_standing": [_left(each) for each in left_standing([saga.id]).get(saga.id, ())],
        "held": _held(held(saga)),
        "deadline": _iso(saga.deadline),
        "wake_at": _iso(saga.wake_at),
        "epoch": saga.epoch,
        "rescues": saga.rescues,
        "trace_id": saga.trace_id,
        "product_line": saga.product_line,
        "steps": [_step(row) for row in SagaStep.objects.filter(saga=saga).order_by("id")],
        "history": [_entry(row) for row in reversed(page.entries)],
        "history_total": page.total,
        "history_older": page.older,
        "incidents": [_incident(row) for row in Incident.objects.filter(saga=saga).order_by("opened_at")],
    }


def _held(decision: Held | None) -> dict[str, Any] | None:
    """Who paused it and why."""
    if decision is None:
        return None
    return {"by": decision.by, "reason": decision.reason, "at": _iso(decision.at)}


def _left(decision: LeftStanding) -> dict[str, Any]:
    return {
        "step": decision.step,
        "stays": decision.stays,
        "by": decision.by,
        "reason": decision.reason,
        "at": _iso(decision.at),
    }


def _step(row: SagaStep) -> dict[str, Any]:
    return {
        "name": row.name,
        "direction": row.direction,
        "generation": row.generation,
        "state": row.state,
        "attempts": row.attempts,
        "deliveries": row.deliveries,
        "result_type": row.result_type,
        "result": row.result,
        "error": row.error,
        "unsure": row.unsure,
        "late": row.late,
        "due_at": _iso(row.due_at),
        "started_at": _iso(row.started_at),
        "ended_at": _iso(row.ended_at),
    }


def _entry(row: SagaEvent) -> dict[str, Any]:
    return {
        "seq": row.seq,
        "at": _iso(row.at),
        "kind": row.kind,
        "before": row.before,
        "after": row.after,
        "step": row.step,
        "direction": row.direction,
        "who": row.who,
        "data": row.data,
    }


def _incident(row: Incident) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "kind": row.kind,
        "step": row.step,
        "message": row.message,
        "runbook": row.runbook,
        "opened_at": _iso(row.opened_at),
        "resolved_at": _iso(row.resolved_at),
        "resolved_by": row.resolved_by,
        "resolution": row.resolution,
    }


def _iso(at: datetime | None) -> str | None:
    return with_zone(at).isoformat() if at is not None else None
