"""Telling people of an event of our own that was set aside: an incident at each saga that still waits for it."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from orchestration.core.definition import registry
from orchestration.core.planning.kinds import IncidentKind
from orchestration.engine.incidents.opening import open_incident, resolve_incidents
from orchestration.errors import UnknownDefinition
from orchestration.models import Saga, SagaStep

logger = logging.getLogger(__name__)

KIND = IncidentKind.EVENT_SET_ASIDE


def tell_of(message: int, *, key: str, event: str, told: str) -> None:
    """Open an incident at every open saga of this business key that waits, or will wait, for the event. Inside a transaction."""
    logger.error(
        "event %s of outbox message %s was set aside, and is not sent again by itself", event, message
    )
    for saga, wait in _waiting_for(key, event):
        open_incident(
            saga, KIND, step=wait, message=f"Outbox message {message}, {event}: {told}", outbox=message
        )


def close_told(*, key: str, event: str, by: str, resolution: str) -> list[Saga]:
    """Close what `tell_of` has opened; the sagas concerned. Inside a transaction."""
    concerned = list(_waiting_for(key, event))
    for saga, wait in concerned:
        resolve_incidents(saga, step=wait, kind=KIND, by=by, resolution=resolution)
    return [saga for saga, _ in concerned]


def _waiting_for(key: str, event: str) -> Iterator[tuple[Saga, str]]:
    for saga in Saga.objects.filter(business_key=key, ended_at=None).order_by("created_at"):
        try:
            waits = registry.find(saga.definition, saga.version).waits_for(event)
        except UnknownDefinition:
            continue  # nobody here can say what it waits for; the message itself is shown all the same
        over = set(
            SagaStep.objects.filter(saga=saga, state="done", direction="forward").values_list(
                "name", flat=True
            )
        )
        for wait in waits:
            if wait.name not in over:
                yield saga, wait.name
