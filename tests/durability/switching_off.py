"""Switching one guard of the engine off: by replacing a piece of SQL or a function, or dropping a constraint.

Nothing in the product knows of this. A piece that is no longer there is an error: a guard that was moved must be
switched off where it is now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock
from uuid import uuid4

from django.db import connection
from django.db.models.functions import Now

from orchestration.core.memo import Memo
from orchestration.core.planning import admission, undoing
from orchestration.core.planning.states import FORWARD_STATES, SagaState
from orchestration.engine.database.prepared import Statement
from orchestration.engine.flow import starting
from orchestration.engine.messages.seals import sealed
from orchestration.engine.messages.transport import transport
from orchestration.engine.outbox import writing
from orchestration.engine.rows import history
from orchestration.engine.steps import attempt, consequences, delivering, failures, records, rights, settle
from orchestration.engine.steps.attempt import Attempt
from orchestration.engine.steps.records import Ending, NotRecorded, Recorded
from orchestration.engine.steps.rights import Right, StepMessage
from orchestration.models import InboxMessage, Saga, SagaStep


def sql(module: Any, name: str, old: str, new: str = "") -> AbstractContextManager[Any]:
    """Replace a piece of a statement."""
    return mock.patch.object(module, name, _changed(getattr(module, name), old, new))


def _changed(found: Any, old: str, new: str) -> Any:
    text = found.sql if isinstance(found, Statement) else found
    assert old in text, f"no longer says {old!r}: {text}"
    changed = text.replace(old, new)
    if isinstance(found, Statement):
        types = {parameter: kind for parameter, kind in found.types.items() if f"%({parameter})s" in changed}
        # Under a name of its own: the connection goes on having the whole one prepared.
        changed = Statement(f"ablated_{uuid4().hex}", changed, **types)
    return changed


def _recorded(
    changed: Callable[[StepMessage, Ending], tuple[StepMessage, Ending]],
) -> AbstractContextManager[Any]:
    """Record each delivery's first step as if message or step were these."""
    record = records.record

    def otherwise(message: StepMessage, before: SagaState, steps: Sequence[Ending], **how: Any) -> Recorded:
        message, first = changed(message, steps[0])
        return record(message, before, [first, *steps[1:]], **how)

    return mock.patch.object(delivering, "record", otherwise)


def epoch_not_compared() -> AbstractContextManager[Any]:
    """Whatever epoch a message has is taken for the present one."""

    def up_to_date(message: StepMessage, first: Ending) -> tuple[StepMessage, Ending]:
        return replace(message, epoch=Saga.objects.get(id=message.saga_id).epoch), first

    return _recorded(up_to_date)


def recorded_like_an_external_one() -> AbstractContextManager[Any]:
    """A local step is recorded wherever one would be that has taken effect already."""
    record = records.record

    def wherever(message: StepMessage, before: SagaState, steps: Sequence[Ending], **how: Any) -> Recorded:
        now = Saga.objects.get(id=message.saga_id)
        message, before = replace(message, epoch=now.epoch), SagaState(now.state)
        return record(message, before, steps, **{**how, "strict": False})

    return mock.patch.object(delivering, "record", wherever)


def recorded_anyway() -> AbstractContextManager[Any]:
    """Steps are recorded, and what comes of it is committed whatever it is."""
    record = records.record

    def anyway(*args: Any, **how: Any) -> Recorded:
        try:
            return record(*args, **how)
        except NotRecorded:
            return Recorded(carries=True, ended=False, right=None)

    return mock.patch.object(delivering, "record", anyway)


def leases_not_respected() -> AbstractContextManager[Any]:
    """Whoever claims a step finds that no lease holds it."""
    claim = rights.claim

    def regardless(message: StepMessage, **how: Any) -> Any:
        held = SagaStep.objects.filter(saga_id=message.saga_id, name=message.step, state="running")
        held.update(lease_until=Now())
        return claim(message, **how)

    return mock.patch.object(delivering, "claim", regardless)


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
    claim = rights._CLAIM.sql
    start, end = claim.index("    ON CONFLICT"), claim.index("    RETURNING id AS row_id")
    return all_of(
        constraint_dropped("orchestration_sagastep", "step_once"),
        sql(rights, "_CLAIM", claim[start:end]),
        answers(
            attempt, "is_its_turn", True
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
        mock.patch.object(consequences, "FORWARD_STATES", {*FORWARD_STATES, SagaState.COMPENSATING}),
        mock.patch.object(history, "TRANSITIONS", everything),
    )


def tokens_not_compared() -> AbstractContextManager[Any]:
    """Whoever records has the newest token, whatever token it was given."""

    def renewed(right: Right) -> Right:
        if right.token is None:
            return right
        return replace(right, token=SagaStep.objects.get(id=right.row_id).token)

    def with_the_newest(message: StepMessage, first: Ending) -> tuple[StepMessage, Ending]:
        return message, replace(first, right=renewed(first.right))

    def failed(own: Attempt, *rest: Any) -> Any:
        own.right = renewed(own.right)
        return record_failure(own, *rest)

    record_failure = failures._record_failure
    return all_of(_recorded(with_the_newest), mock.patch.object(failures, "_record_failure", failed))


def events_not_deduplicated() -> AbstractContextManager[Any]:
    def create(defaults: dict[str, Any], **values: Any) -> Any:
        return InboxMessage.objects.create(**values, **defaults), True

    return all_of(
        constraint_dropped("orchestration_inboxmessage", "inbox_each_event_once"),
        mock.patch.object(InboxMessage.objects, "get_or_create", create),
    )


def joins_not_counted() -> AbstractContextManager[Any]:
    """Neither the flow nor the list in the message keeps a step back until all branches before it are finished."""
    claim = rights.claim

    def at_once(message: StepMessage, **how: Any) -> Any:
        return claim(replace(message, after=()), **how)

    return all_of(mock.patch.object(delivering, "claim", at_once), answers(attempt, "is_its_turn", True))


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
    key = attempt.idempotency_key
    return mock.patch.object(
        attempt, "idempotency_key", lambda *args: f"{key(*args)}/{getattr(args[-1], 'deliveries', 0)}"
    )


def answers(module: Any, name: str, answer: Any) -> AbstractContextManager[Any]:
    """Have a function always give the same answer."""
    return mock.patch.object(module, name, return_value=answer)
