"""Sagas of every ending, made older than they are, and what is left of them after a run of retention."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import F

from orchestration.models import (
    InboxDelivery,
    InboxMessage,
    Incident,
    OutboxMessage,
    Saga,
    SagaEvent,
    SagaStep,
)
from orchestration.retention.ages import Age, read_age
from orchestration.retention.registry import kinds
from orchestration.retention.run import Pruned, prune
from orchestration.testing import SagaRun
from tests.orchestration.sample import TripInput, trip

MODELS = (Saga, SagaStep, SagaEvent, Incident, InboxMessage, InboxDelivery, OutboxMessage)


def completed(**options: Any) -> SagaRun:
    """One that waited for an event, and went on with it."""
    run = SagaRun(trip, TripInput(name="Ada", full=True), **options).until_rest()
    return run.send("sample.seat_free", {"seat": "1A"}).until_rest()


def compensated(**options: Any) -> SagaRun:
    return SagaRun(trip, TripInput(name="Ada"), reject_at="sample.confirm", **options).until_rest()


def cancelled() -> SagaRun:
    return SagaRun(trip, TripInput(name="Ada", full=True)).until_rest().cancel().until_rest()


def failed() -> SagaRun:
    return SagaRun(trip, TripInput(name="Ada"), reject_at="sample.register").until_rest()


def undo_failed() -> SagaRun:
    return SagaRun(trip, TripInput(name="Ada"), reject_at=["sample.confirm", "sample.refund"]).until_rest()


def aged(run: SagaRun, days: int) -> SagaRun:
    """Move everything that tells how old it is back; its messages count as sent and arrived then."""
    by = timedelta(days=days)
    Saga.objects.filter(id=run.id).update(created_at=F("created_at") - by, ended_at=F("ended_at") - by)
    OutboxMessage.objects.filter(kind="event", received_at=None).update(received_at=F("sent_at"))
    for message in (OutboxMessage.objects.filter(saga_id=run.id), of_key(run)):
        message.update(
            created_at=F("created_at") - by, sent_at=F("sent_at") - by, received_at=F("received_at") - by
        )
    InboxMessage.objects.filter(key=run.saga.business_key).update(received_at=F("received_at") - by)
    return run


def of_key(run: SagaRun) -> Any:
    """The events that were published for a saga."""
    return OutboxMessage.objects.filter(payload__key=run.saga.business_key)


def pruned(*, batch: int = 100, dry_run: bool = False, **ages: str) -> Pruned:
    """A run with these ages alone; every other kind is kept for ever."""
    every: dict[str, Age] = {kind.name: None for kind in kinds()}
    every |= {name.replace("_", "-"): read_age(text) for name, text in ages.items()}
    return prune(kinds(), every, batch=batch, dry_run=dry_run)


def rows() -> dict[str, int]:
    """How many rows there are, by table."""
    return {model.__name__: model._default_manager.count() for model in MODELS}
