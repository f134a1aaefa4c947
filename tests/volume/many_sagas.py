"""A hundred thousand sagas that have ended and ten thousand that wait: one of each by the engine, then copied in SQL.

Ids, times and numbers lie as they would after two years: ids grow with time, and endings are mixed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from django.db.models import F

from orchestration.models import (
    DeadLetter,
    InboxDelivery,
    InboxMessage,
    Incident,
    OutboxMessage,
    QueueProbe,
    Saga,
    SagaEvent,
    SagaStep,
)
from orchestration.testing import SagaRun
from tests.orchestration.retained import cancelled, compensated, completed, failed
from tests.orchestration.sample import TripInput, trip
from tests.volume.copying import execute, insert

COPIES = {"completed": 90_000, "compensated": 8_000, "cancelled": 1_500, "failed": 500, "waiting": 10_000}
SMALL = (DeadLetter, Incident, QueueProbe)
BIG = (Saga, SagaStep, SagaEvent, OutboxMessage, InboxMessage, InboxDelivery)

_DAYS = 730
_MOMENT = f"({{now}} - interval '{_DAYS} days' + n * interval '{_DAYS} days' / {{copies}})"
# A version 7 UUID of that moment: 48 bits of milliseconds, the rest by hash.
_ID = (
    "(lpad(to_hex((extract(epoch FROM {moment}) * 1000)::bigint), 12, '0') || '7' || substr(md5({salt} || n), 1, 3)"
    " || '8' || substr(md5({salt} || n), 4, 15))::uuid"
)


@dataclass(frozen=True, slots=True)
class ManySagas:
    """How many there are, and one of each ending."""

    total: int
    samples: dict[str, UUID]


@contextmanager
def many_sagas(copies: Mapping[str, int] = COPIES) -> Iterator[ManySagas]:
    """Fill the engine's tables and empty them in the end; what is written is committed."""
    try:
        samples = {ending: run.id for ending, run in _one_of_each().items()}
        for ending, number in copies.items():
            _copy(samples[ending], ending, number)
        for model in (*BIG, *SMALL):
            execute(f"VACUUM (ANALYZE) {model._meta.db_table}")
        yield ManySagas(Saga.objects.count(), samples)
    finally:
        tables = ", ".join(model._meta.db_table for model in (*BIG, *SMALL))
        execute(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")
        execute("ANALYZE")


def _one_of_each() -> dict[str, SagaRun]:
    made = {
        "completed": completed(),
        "compensated": compensated(),
        "cancelled": cancelled(),
        "failed": failed(),
        "waiting": SagaRun(trip, TripInput(name="Ada", full=True)).until_rest(),
    }
    OutboxMessage.objects.filter(kind="event", received_at=None).update(received_at=F("sent_at"))
    return made


def _copy(saga: UUID, ending: str, copies: int) -> None:
    # One moment for all statements: the ids are made of it.
    now = f"'{Saga.objects.get(id=saga).created_at.isoformat()}'::timestamptz"
    moment = (
        f"({now} - n * interval '1 minute')"
        if ending == "waiting"
        else _MOMENT.format(now=now, copies=copies)
    )
    new_id = _ID.format(moment=moment, salt=f"'{ending}'")
    key = f"md5('{ending}' || n)::uuid::text"
    times = {"created_at": moment, "updated_at": moment}
    if ending != "waiting":
        times["ended_at"] = f"{moment} + interval '3 minutes'"
    else:
        times["wake_at"] = "statement_timestamp() + interval '1 hour' + n * interval '1 second'"
    of_saga = f"saga_id = '{saga}'"
    insert(Saga, f"id = '{saga}'", copies, {
        "id": new_id, "business_key": key, "reference": f"upper(substr(md5('{ending}' || n), 1, 10))", **times,
    })  # fmt: skip
    insert(SagaStep, of_saga, copies, {"saga_id": new_id, "created_at": moment})
    insert(SagaEvent, of_saga, copies, {"saga_id": new_id, "at": moment})
    insert(OutboxMessage, of_saga, copies, {"saga_id": new_id, "created_at": moment, "sent_at": moment})
    event_id = _ID.format(moment=moment, salt=f"'{ending}/event'")
    of_key = f"key = '{Saga.objects.get(id=saga).business_key}'"
    insert(InboxMessage, of_key, copies, {
        "id": event_id, "key": key, "event_id": f"md5('{ending}/event' || n)", "received_at": moment,
    })  # fmt: skip
    insert(
        InboxDelivery,
        of_saga,
        copies,
        {
            "saga_id": new_id,
            "message_id": event_id,
            "applied_at": "CASE WHEN t.applied_at IS NOT NULL THEN " + moment + " END",
        },
    )
