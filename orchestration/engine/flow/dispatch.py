"""What a saga is sent first: the same canvas for every saga of a definition, so it is planned once and no row is written.

A saga to which nothing has happened yet needs no lock to be planned. Whatever happens to it meanwhile (a pause, a cancel, a
second relay) is met by the claim, as with every message.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from orchestration.core.definition import registry
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.memo import Memo
from orchestration.core.planning.canvas import Canvas
from orchestration.core.planning.decisions import Send
from orchestration.core.planning.plan import plan
from orchestration.core.planning.states import SagaState
from orchestration.core.planning.views import SagaView
from orchestration.engine.messages.transport import Address
from orchestration.errors import UnknownDefinition
from orchestration.models import OutboxMessage, Saga, SagaStep

_first: Memo[tuple[Canvas, ...]] = Memo()
"""By fingerprint."""


@dataclass(frozen=True, slots=True)
class First:
    """What a fresh saga is sent, and where to."""

    address: Address
    canvases: tuple[Canvas, ...]


def first_of(ids: Iterable[UUID]) -> dict[UUID, First]:
    """What is sent first, of those of these sagas to which nothing has happened yet. One query.

    The others, and those whose flow begins otherwise than with a step, have to be asked under their lock.
    """
    begun = Exists(SagaStep.objects.filter(saga=OuterRef("pk")))
    fresh = (
        Saga.objects.filter(id__in=list(ids), state=SagaState.ACCEPTED.value, paused=False, last_seq=1)
        .filter(Q(deadline=None) | Q(deadline__gt=Now()))
        .exclude(begun)
        .values_list("id", "definition", "version", "epoch", "reference")
    )
    found: dict[UUID, First] = {}
    for saga_id, name, version, epoch, reference in fresh:
        try:
            definition = registry.find(name, version)
        except UnknownDefinition:
            continue
        if canvases := _first_canvases(definition):
            found[saga_id] = First(Address(saga_id, epoch, reference, definition), canvases)
    return found


def is_undispatched(saga: Saga) -> bool:
    """Whether nothing has happened to a saga, because the message that it exists still waits for a relay. At most one query."""
    if saga.state != SagaState.ACCEPTED.value or saga.last_seq > 1:
        return False
    return OutboxMessage.objects.filter(saga_id=saga.id, kind="dispatch", sent_at=None).exists()


def _first_canvases(definition: SagaDefinition) -> tuple[Canvas, ...]:
    def plan_it() -> tuple[Canvas, ...]:
        decided = plan(definition, SagaView(state=SagaState.ACCEPTED), datetime(1970, 1, 1, tzinfo=UTC))
        return decided.canvases if isinstance(decided, Send) else ()

    return _first.get(definition.fingerprint, plan_it)
