"""What an app tells people of: something from outside that contradicts what a saga waits for, and that nobody but a person can clear up."""

from __future__ import annotations

from orchestration.core.planning.kinds import IncidentKind
from orchestration.engine.database.connection import transaction
from orchestration.engine.incidents.opening import open_incident, resolve_incidents
from orchestration.models import Saga
from orchestration.models.saga import LIVE

KIND = IncidentKind.CONTRADICTING_NEWS


def report_contradiction(*, key: str, event: str, message: str) -> int:
    """Open an incident at every open saga of a business key, and return how many there are.

    Opens a transaction, or joins the caller's; takes no locks. Idempotent by saga and `event`: what is told again opens nothing again.
    `message` is read by people and must hold nothing that came from outside as it is.
    """
    with transaction.atomic():
        concerned = list(Saga.objects.filter(business_key=key, state__in=LIVE))
        for saga in concerned:
            open_incident(saga, KIND, step=event, message=message)
    return len(concerned)


def close_contradictions(*, key: str, event: str) -> None:
    """Close what was reported, now that the news has come in a form that fits. Joins the caller's transaction. Idempotent."""
    for saga in Saga.objects.filter(
        business_key=key, incidents__kind=KIND, incidents__resolved_at=None
    ).distinct():
        resolve_incidents(
            saga, step=event, kind=KIND, by="engine", resolution="the news has come in a form that fits"
        )
