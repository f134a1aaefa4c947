"""What a project may listen to: Django signals about failures, ends and incidents, sent in the process in which it happened.

Sent after the transaction has committed, to each receiver whatever the others raise. They are a convenience and not a promise: a
process that dies between its commit and the signal sends none, and nobody sends it again. What must not be missed is in the rows.
"""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.dispatch import Signal

from orchestration.core.planning.states import TERMINAL
from orchestration.engine.database.connection import transaction
from orchestration.models import Incident, Saga, SagaStep

_ENDS = frozenset(each.value for each in TERMINAL)

step_failed = Signal()
"""An attempt at a step has failed: `saga_id`, `definition`, `reference`, `step`, `direction`, `attempt`, `final` (whether it is given
up), `error` (kind, code and message)."""
saga_ended = Signal()
"""A saga has come to its end: `saga_id`, `state`."""
incident_opened = Signal()
"""Something waits for a person: `incident`."""
incident_closed = Signal()
"""It does no longer: `incident`."""


def tell_failed(saga: Saga, row: SagaStep, *, final: bool) -> None:
    """Tell that an attempt has failed, once the caller's transaction has committed."""
    facts = row.error or {}
    _tell(
        step_failed,
        SagaStep,
        saga_id=saga.id,
        definition=saga.definition,
        reference=saga.reference,
        step=row.name,
        direction=row.direction,
        attempt=row.attempts,
        final=final,
        error={name: facts.get(name, "") for name in ("kind", "code", "message")},
    )


def tell_ended(saga_id: UUID, state: str) -> None:
    """Tell that a saga has ended, once the caller's transaction has committed."""
    if state in _ENDS:
        _tell(saga_ended, Saga, saga_id=saga_id, state=state)


def tell_opened(incident: Incident) -> None:
    """Tell of a new incident, once the caller's transaction has committed."""
    _tell(incident_opened, Incident, incident=incident)


def tell_closed(found: QuerySet[Incident], *, by: str, resolution: str) -> None:
    """Tell of incidents that are about to be closed. No query where nobody listens."""
    if not incident_closed.has_listeners(Incident):
        return
    for incident in found:
        incident.resolved_by, incident.resolution = by, resolution
        _tell(incident_closed, Incident, incident=incident)


def _tell(signal: Signal, sender: Any, **what: Any) -> None:
    if signal.has_listeners(sender):
        transaction.on_commit(partial(signal.send_robust, sender, **what), robust=True)
