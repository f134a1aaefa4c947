"""Which open sagas the code of this process would strand: `manage.py saga_check`, before it is deployed. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.db.models import Q
from django.utils.module_loading import autodiscover_modules

from orchestration.broker.queues import is_sendable_to
from orchestration.core.definition import registry
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.planning.states import Direction
from orchestration.engine.steps.participants import participant_for
from orchestration.errors import UnknownDefinition
from orchestration.models import Saga, SagaStep
from orchestration.operations.contradictions import contradictions
from orchestration.operations.unbuildable import unbuildable

Rows = dict[tuple[str, Direction], SagaStep]


@dataclass(frozen=True, slots=True)
class Stranded:
    """One saga that could not go on, and why."""

    saga: Saga
    why: list[str]


@dataclass(slots=True)
class Outlook:
    """What would become of the open sagas."""

    open: int = 0
    stranded: list[Stranded] = field(default_factory=list)
    changed: int = 0
    """Open sagas whose definition has changed under its version in a way they can live with."""


def outlook() -> Outlook:
    """Look at every open saga: those that have not ended, and those in which a late effect is being undone.

    Each later command and each undo is built from the results that are stored. Reads only. Two queries for each 500 sagas; for one whose
    definition has changed, one more and one for each wait that is open.
    """
    autodiscover_modules("tasks")  # outside a worker nobody has imported the participants yet
    found = Outlook()
    unroutable = {str(definition): list(_unroutable(definition)) for definition in registry.everything()}
    still_open = Saga.objects.filter(Q(ended_at__isnull=True) | Q(wake_at__isnull=False)).order_by(
        "created_at"
    )
    for saga in still_open.prefetch_related("steps").iterator(chunk_size=500):
        found.open += 1
        try:
            definition = registry.find(saga.definition, saga.version)
        except UnknownDefinition:
            found.stranded.append(Stranded(saga, [_unknown(saga)]))
            continue
        rows = _rows_of(saga)
        unfit = list(unbuildable(saga, definition, rows))
        why = [*unfit, *unroutable[str(definition)]]
        if saga.fingerprint != definition.fingerprint:
            contradicted = list(contradictions(saga, definition, rows))
            why = [*contradicted, *why]
            found.changed += not (contradicted or unfit)
        if why:
            found.stranded.append(Stranded(saga, why))
    return found


def _unknown(saga: Saga) -> str:
    try:
        newest = registry.latest(saga.definition)
    except UnknownDefinition:
        return f"definition {saga.definition} is gone; keep it until its last saga has ended"
    return (
        f"version {saga.version} of {saga.definition} is gone (the newest is {newest.version}); "
        "keep it until its last saga has ended"
    )


def _unroutable(definition: SagaDefinition) -> Iterator[str]:
    for reference in definition.references:
        if participant_for(reference.task) is None:
            yield f"nobody performs {reference.task}"
        elif not is_sendable_to(reference.queue):
            yield f"{reference.task} goes to queue {reference.queue}, which does not exist"


def _rows_of(saga: Saga) -> Rows:
    rows = sorted(saga.steps.all(), key=lambda row: (row.generation, row.id))
    return {(row.name, Direction(row.direction)): row for row in rows}
