"""A command that cannot be built is the code's fault, not the customer's: its step keeps its place until other code is there."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now
from pydantic import ValidationError

from orchestration.core.planning.kinds import HistoryKind, IncidentKind
from orchestration.engine.incidents.opening import is_open, open_incident
from orchestration.engine.rows.history import note
from orchestration.engine.rows.reading import database_now
from orchestration.errors import CommandNotBuilt
from orchestration.models import Incident, Saga
from orchestration.sentences import findings

KIND = IncidentKind.BAD_COMMAND
LOOK_AGAIN = timedelta(minutes=1)
"""How long until it is tried again: other workers may have the code that can build it."""


def not_built(step: str, error: ValidationError) -> CommandNotBuilt:
    """The error for a command that cannot be built. It names fields and says nothing of what they hold."""
    missing = "; ".join(findings(error))
    return CommandNotBuilt(f"the command for {step} cannot be built from what is stored: {missing}")


def keep_place(saga: Saga, step: str, direction: str, message: str) -> None:
    """Tell a person, once, and have a locked saga looked at again; the caller saves it."""
    if not is_open(saga, KIND, step=step):
        note(saga, HistoryKind.STEP_POSTPONED, step=step, direction=direction, code=KIND, message=message)
        open_incident(saga, KIND, step=step, message=message)
    saga.wake_at = database_now() + LOOK_AGAIN


def look_again() -> int:
    """Have every saga looked at whose step waits for other code: a worker has just begun, perhaps with it. One statement."""
    waiting = Incident.objects.filter(kind=KIND, resolved_at=None).values("saga_id")
    still_open = Q(ended_at=None) | Q(wake_at__isnull=False)
    return Saga.objects.filter(still_open, id__in=waiting, paused=False).update(wake_at=Now())
