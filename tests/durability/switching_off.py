"""Switching one guard of the engine off: by replacing a piece of SQL or a function, or dropping a constraint.

Nothing in the product knows of this. A piece that is no longer there is an error: a guard that was moved must be
switched off where it is now.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any
from unittest import mock
from uuid import uuid4

from django.db import connection

from orchestration.core.memo import Memo
from orchestration.core.planning import admission, undoing
from orchestration.core.planning.states import FORWARD_STATES, SagaState
from orchestration.engine.database.prepared import Statement
from orchestration.engine.flow import starting
from orchestration.engine.messages.seals import sealed
from orchestration.engine.messages.transport import transport
from orchestration.engine.outbox import writing
from orchestration.engine.rows import history
from orchestration.engine.steps import (
    acting,
    attempts,
    claims,
    contexts,
    failures,
    records,
    records_unclaimed,
    settle,
)
from orchestration.models import InboxMessage


def sql(module: Any, name: str, old: str, new: str = "") -> AbstractContextManager[Any]:
    """Replace a piece of a statement."""
    return mock.patch.object(module, name, _changed(getattr(module, name), old, new))


def sql_in(table: Any, key: Any, old: str, new: str = "") -> AbstractContextManager[Any]:
    """Replace a piece of a statement in a table of them."""
    return mock.patch.dict(table, {key: _changed(table[key], old, new)})


def _changed(found: Any, old: str, new: str) -> Any:
    text = found.sql if isinstance(found, Statement) else found
    assert old in text, f"no longer says {old!r}: {text}"
    changed = text.replace(old, new)
    if isinstance(found, Statement):
        types = {parameter: kind for parameter, kind in found.types.items() if f"%({parameter})s" in changed}
        # Under a name of its own: the connection goes on having the whole one prepared.
        changed = Statement(f"ablated_{uuid4().hex}", changed, **types)
    return changed


def unclaimed(old: str) -> AbstractContextManager[Any]:
    """Leave a condition out wherever quick steps are recorded."""
    return all_of(*(sql_in(records_unclaimed._RECORDS, which, old) for which in records_unclaimed._RECORDS))


def recorded_anyway(*args: Any, **kwargs: Any) -> Any:
    """Record quick steps, and commit whatever comes of it."""
    with contextlib.suppress(records_unclaimed.NotTogether):
        return records_unclaimed.record_unclaimed(*args, **kwargs)
    return None


@contextmanager
def all_of(*parts: AbstractContextManager[Any]) -> Iterator[None]:
    """Several at once."""
    with ExitStack() as stack:
        for part in parts:
            stack.enter_context(part)
        yield


@contextmanager
def constraint_dropped(table: str, name: str) -> Iterator[None]:
    """Drop a unique constraint, and put it back on the emptied table."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s AND conrelid = %s::regclass",
            [name, table],
        )
        row = cursor.fetchone()
        assert row is not None, f"{table} has no constraint {name}"
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE orchestration_saga, {table} CASCADE")
            cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {row[0]}")


def step_rows_not_unique() -> AbstractContextManager[Any]:
    claim = claims._CLAIM.sql
    start, end = claim.index("    ON CONFLICT"), claim.index("    RETURNING id, generation")
    return all_of(
        constraint_dropped("orchestration_sagastep", "step_once"),
        sql(claims, "_CLAIM", claim[start:end]),
        answers(
            acting, "is_its_turn", True
        ),  # which sees a duplicate that comes after the first, as this schedule has it
    )


def business_keys_not_unique() -> AbstractContextManager[Any]:
    return all_of(
        constraint_dropped("orchestration_saga", "saga_one_per_business_key"),
        sql(starting, "_BEGIN", "ON CONFLICT (business_key, definition) DO NOTHING"),
    )


def undo_begins_again() -> AbstractContextManager[Any]:
    everything = {state: frozenset(SagaState) for state in SagaState}
    return all_of(
        mock.patch.object(failures, "FORWARD_STATES", {*FORWARD_STATES, SagaState.COMPENSATING}),
        mock.patch.object(history, "TRANSITIONS", everything),
    )


def tokens_not_compared() -> AbstractContextManager[Any]:
    def without_token(*args: Any, **kwargs: Any) -> Any:
        message, claim, *rest = args
        with connection.cursor() as cursor:
            cursor.execute("SELECT token FROM orchestration_sagastep WHERE id = %s", [claim.row_id])
            newest = cursor.fetchone()[0]
        now = claims.Claim(
            claim.row_id, claim.generation, newest, claim.attempts, claim.deliveries, claim.unsure
        )
        return record_failure(message, now, *rest, **kwargs)

    record_failure = failures.record_failure
    return all_of(
        sql(records, "_RECORD", "AND step.token = %(token)s"),
        mock.patch.object(attempts, "record_failure", without_token),
    )


def events_not_deduplicated() -> AbstractContextManager[Any]:
    def create(defaults: dict[str, Any], **values: Any) -> Any:
        return InboxMessage.objects.create(**values, **defaults), True

    return all_of(
        constraint_dropped("orchestration_inboxmessage", "inbox_each_event_once"),
        mock.patch.object(InboxMessage.objects, "get_or_create", create),
    )


def joins_not_counted() -> AbstractContextManager[Any]:
    """Neither the flow nor the list in the message keeps a step back until all branches before it are finished."""
    claim = claims._CLAIM.sql
    start, end = claim.index("AND (SELECT count(*) FROM known"), claim.index("    ON CONFLICT")
    return all_of(sql(claims, "_CLAIM", claim[start:end], "\n"), answers(acting, "is_its_turn", True))


def undo_does_not_wait() -> AbstractContextManager[Any]:
    """Neither the plan nor the look at a delivery waits for forward steps that may still act."""
    return all_of(
        answers(undoing, "_in_flight", None),
        answers(admission, "is_settled", True),
        mock.patch.object(admission, "_remembered", Memo()),
    )


def sent_before_commit() -> AbstractContextManager[Any]:
    put = writing.put

    def send_at_once(kind: str, **values: Any) -> Any:
        if kind != "event":
            return put(kind, **values)
        return transport().send_event(sealed(values["payload"]))

    return mock.patch.object(writing, "put", send_at_once)


def believed_at_once() -> AbstractContextManager[Any]:
    write = settle._write

    def certain(*args: Any) -> None:
        saga, row, found, command, _, *rest = args
        write(saga, row, found, command, True, *rest)

    return mock.patch.object(settle, "_write", certain)


def key_with_attempt() -> AbstractContextManager[Any]:
    key = contexts.idempotency_key
    return mock.patch.object(
        contexts, "idempotency_key", lambda message, claim: f"{key(message, claim)}/{claim.deliveries}"
    )


def answers(module: Any, name: str, answer: Any) -> AbstractContextManager[Any]:
    """Have a function always give the same answer."""
    return mock.patch.object(module, name, return_value=answer)
