"""Opening and closing incidents. One is open at most once per saga, kind and step, whoever opens it again."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import QuerySet
from django.db.models.functions import Now

from orchestration.core.planning.kinds import IncidentKind
from orchestration.engine.incidents.runbooks import runbook
from orchestration.models import Incident, Saga
from orchestration.signals import tell_closed, tell_opened


def open_incident(
    saga: Saga, kind: IncidentKind, *, step: str = "", message: str, outbox: int | None = None
) -> Incident:
    """Open an incident, or return the one already open for this saga, kind and step. Inside a transaction."""
    incident, is_new = Incident.objects.get_or_create(
        saga=saga,
        kind=kind,
        step=step,
        resolved_at=None,
        defaults={"message": message, "runbook": ""},
    )
    if is_new:
        # Asked for only now: the commands in it take a query or two, and most openings find one that is open.
        incident.runbook = runbook(saga, kind, step=step, outbox=outbox)
        incident.save(update_fields=["runbook"])
        tell_opened(incident)
    return incident


def is_open(saga: Saga, kind: IncidentKind, *, step: str = "") -> bool:
    """Whether a person has been told of this already, and it is not closed. One query."""
    return Incident.objects.filter(saga=saga, kind=kind, step=step, resolved_at=None).exists()


CLOSE_BY_THEMSELVES = (
    IncidentKind.STEP_STRUGGLES,
    IncidentKind.CANNOT_REACH,
    IncidentKind.CANNOT_SETTLE,
    IncidentKind.EFFECT_DIFFERS,
    IncidentKind.CANNOT_RECORD,
    IncidentKind.BAD_COMMAND,
)
"""Kinds that close when the step comes to its end after all."""


def resolve_incidents(
    saga: Saga,
    *,
    step: str | None = None,
    kind: IncidentKind | Collection[IncidentKind] | None = None,
    by: str,
    resolution: str,
) -> int:
    """Close the open incidents of a saga, or of one of its steps, or of a kind or some. Returns how many there were."""
    found = Incident.objects.filter(saga=saga, resolved_at=None)
    if step is not None:
        found = found.filter(step=step)
    if kind is not None:
        found = found.filter(kind__in=[kind] if isinstance(kind, str) else kind)
    return close(found, by=by, resolution=resolution)


def close(found: QuerySet[Incident], *, by: str, resolution: str) -> int:
    """Close incidents that are still open, and tell of it. Returns how many there were."""
    tell_closed(found, by=by, resolution=resolution)
    return found.update(resolved_at=Now(), resolved_by=by, resolution=resolution)
