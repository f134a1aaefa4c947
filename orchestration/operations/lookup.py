"""Finding the one saga a person means: by its id, its reference, or its business key."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q

from orchestration.core.definition.arguments import shown
from orchestration.core.storable import is_storable_text
from orchestration.engine.incidents.printed import command
from orchestration.errors import SagaError, SagaNotFound
from orchestration.models import Saga

SHOWN = 5
"""Sagas named when several fit."""


class AmbiguousReference(SagaError):
    """Several sagas fit; a person must say which."""


def saga_called(called: str) -> Saga:
    """The one saga with this id, reference or business key.

    Raises:
        SagaNotFound: none fits.
        AmbiguousReference: several fit; the message lists their ids.
    """
    called = called.strip()
    if not called:
        raise SagaNotFound(
            "say which saga: its id, its reference (such as an order number), or its business key"
        )
    if not is_storable_text(called):
        raise SagaNotFound(f"no saga is called {shown(called)}; {command('list')} shows the newest")
    fits = Q(reference=called) | Q(business_key=called)
    if (identity := _as_id(called)) is not None:
        exact = Saga.objects.filter(id=identity).first()
        if exact is not None:
            return exact
        fits |= Q(business_key=str(identity))
    found = list(Saga.objects.filter(fits).order_by("-created_at")[: SHOWN + 1])
    if not found:
        raise SagaNotFound(
            f"no saga has the id, reference or business key {shown(called)}; {command('list')} shows the newest"
        )
    if len(found) > 1:
        listed = "".join(f"\n  {saga.id}  {saga}" for saga in found[:SHOWN])
        more = "\n  and more" if len(found) > SHOWN else ""
        raise AmbiguousReference(
            f"several sagas are called {shown(called)}; name one by its id:{listed}{more}"
        )
    return found[0]


def _as_id(called: str) -> UUID | None:
    try:
        return UUID(called)
    except ValueError:
        return None
