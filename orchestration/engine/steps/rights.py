"""The right to act for a step: how a delivery gets it, and how it is given back. All times are the database's.

A quick local step needs no claim: whatever it did is rolled back unless its row comes into being as done with it, and a step has one
row. Everything else is claimed, by one committed statement that checks, counts, leases and loads.

Guarantee: of any number of deliveries at most one holds a live claim on a step, and a claim that commits is seen by
every undo that begins after it, because the claim holds the saga row in share mode and undo updates that row.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import F, QuerySet
from django.db.models.functions import Now

from orchestration.conf import engine_settings
from orchestration.core.planning.foresight import Known
from orchestration.core.planning.states import (
    FINISHED,
    FORWARD_STATES,
    UNDONE_STATES,
    Direction,
    SagaState,
    StepState,
)
from orchestration.crash.points import CrashPoint, reach
from orchestration.engine.database.conflicts import again_after_conflict
from orchestration.engine.database.connection import connection
from orchestration.engine.database.prepared import Statement
from orchestration.models import Saga, SagaStep

CLAIM_OF_A_KNOWN_ROW = """
    ON CONFLICT (saga_id, name, direction, generation) DO UPDATE
       SET state = 'running', deliveries = step.deliveries + 1, token = step.token + 1,
           unsure = step.unsure OR (%(external)s AND step.state IN ('running', 'unknown')),
           lease_until = excluded.lease_until, task = excluded.task, task_id = excluded.task_id, due_at = NULL,
           started_at = COALESCE(step.started_at, excluded.started_at)
     WHERE step.state = 'pending'
        OR (step.state IN ('waiting', 'unknown') AND (step.due_at IS NULL OR step.due_at <= statement_timestamp()))
        OR (step.state = 'running' AND step.lease_until <= statement_timestamp())
    RETURNING id AS row_id, generation, token, attempts, deliveries, unsure
"""
"""Which rows may be claimed, and what a claim does to them: the same for a message, and for a worker that runs ahead."""

_SAGA = "id, definition, version, state, paused, epoch, business_key, reference, input, failure, trace_id, product_line, rescues"
"""What a step has to know of its saga."""
_KNOWN = """json_agg(json_build_array(name, direction, state, result_type, skip_rest, late, unsure,
                                         CASE WHEN direction = 'forward' AND state = 'done' THEN result END)
                        ORDER BY generation)"""
"""And of the rows of its steps."""

_LOOK = Statement(
    "look",
    f"""
SELECT row_to_json(saga), (SELECT {_KNOWN} FROM orchestration_sagastep WHERE saga_id = saga.id)
  FROM (SELECT {_SAGA} FROM orchestration_saga WHERE id = %(saga)s) AS saga
""",  # noqa: S608 - made of constants
    saga="uuid",
)

_CLAIM = Statement(
    "claim",
    f"""
WITH saga AS (
    SELECT {_SAGA}
      FROM orchestration_saga WHERE id = %(saga)s FOR SHARE
), known AS (
    SELECT name, direction, generation, state, result, result_type, skip_rest, late, unsure
      FROM orchestration_sagastep WHERE saga_id = %(saga)s
), claimed AS (
    INSERT INTO orchestration_sagastep AS step
           (saga_id, name, direction, generation, state, task, deliveries, token, lease_until, started_at, task_id)
    SELECT saga.id, %(name)s, %(direction)s,
           COALESCE((SELECT max(generation) FROM known WHERE name = %(name)s AND direction = %(direction)s), 1),
           'running', %(task)s, %(deliveries)s, 1, statement_timestamp() + %(lease)s * interval '1 second',
           statement_timestamp(), %(task_id)s
      FROM saga
     WHERE (saga.state = ANY(%(states)s)
            OR (saga.state = ANY(%(ended)s) AND %(direction)s = 'undo'
                AND EXISTS (SELECT 1 FROM known WHERE name = %(name)s AND direction = 'forward' AND late AND state = 'done')))
       AND NOT saga.paused AND saga.epoch = %(epoch)s
       AND (SELECT count(*) FROM known WHERE direction = %(direction)s AND name = ANY(%(after)s::text[])
                AND state IN ('done', 'not_needed', 'skipped')) = cardinality(%(after)s::text[])
{CLAIM_OF_A_KNOWN_ROW})
SELECT row_to_json(saga), (SELECT {_KNOWN} FROM known),
       (SELECT row_to_json(claimed) FROM claimed
         WHERE %(flushed)s OR set_config('synchronous_commit', 'off', true) IS NOT NULL)
  FROM saga
""",  # noqa: S608 - made of constants
    saga="uuid",
    name="text",
    direction="text",
    task="text",
    task_id="text",
    deliveries="int",
    lease="float8",
    external="bool",
    flushed="bool",
    states="text[]",
    ended="text[]",
    epoch="int",
    after="text[]",
)

_CLAIM_TO_SETTLE = """
WITH saga AS (
    SELECT id, state FROM orchestration_saga WHERE id = %(saga)s FOR SHARE
)
UPDATE orchestration_sagastep AS step
   SET state = CASE step.state WHEN 'failed' THEN 'failed' ELSE 'unknown' END, unsure = true, deliveries = deliveries + 1, token = token + 1, due_at = NULL,
       lease_until = statement_timestamp() + %(lease)s * interval '1 second'
  FROM saga
 WHERE step.saga_id = saga.id AND step.name = %(name)s AND step.direction = 'forward'
   AND (saga.state = ANY(%(states)s) OR (saga.state = ANY(%(ended)s) AND step.late))
   AND (step.state IN ('running', 'unknown') OR (step.unsure AND step.state IN ('pending', 'waiting', 'failed')))
   AND (step.lease_until IS NULL OR step.lease_until <= statement_timestamp())
   AND (step.due_at IS NULL OR step.due_at <= statement_timestamp())
RETURNING step.id, step.generation, step.token, step.attempts, step.deliveries, step.unsure, step.error
"""

_END_LEASES = """
UPDATE orchestration_sagastep SET lease_until = statement_timestamp(), deliveries = deliveries - 1
 WHERE split_part(task_id, '.', 1) = ANY(%s) AND state = 'running' AND lease_until > statement_timestamp()
RETURNING saga_id
"""

_ENDED = sorted(state.value for state in UNDONE_STATES)


@dataclass(frozen=True, slots=True)
class StepMessage:
    """What the broker carried: ids, the epoch, and what must be finished before."""

    saga_id: UUID
    step: str
    direction: Direction
    epoch: int
    after: tuple[str, ...]
    task_id: str
    redelivered: bool = False
    next_step: str | None = None
    """The step behind it in the chain, if that is a step."""

    def reach(self, point: CrashPoint, *, committed: bool = False) -> None:
        """Say that this delivery has come to a crash point."""
        reach(point, about=[self.saga_id], direction=self.direction, step=self.step, committed=committed)


@dataclass(frozen=True, slots=True)
class Right:
    """The right to act once for a step. One with a token is a claim; one without is good for a step that has no row yet."""

    row_id: int = 0
    """Of the step; 0 where it has none yet."""
    generation: int = 1
    token: int | None = None
    """The fencing token of a claim. Without one it is SQL's NULL, which equals no token of any row."""
    attempts: int = 0
    deliveries: int = 1
    unsure: bool = False


WITHOUT_CLAIM = Right()


@dataclass(frozen=True, slots=True)
class SagaFacts:
    """A saga and its steps as they were when the right to act was asked for, before that statement."""

    id: UUID
    definition: str
    version: int
    state: str
    paused: bool
    epoch: int
    business_key: str
    reference: str
    input: dict[str, Any]
    failure: dict[str, Any] | None
    trace_id: str
    product_line: str
    rescues: int
    rows: dict[tuple[str, str], Known]
    """The newest row of each step, by name and direction."""
    results: dict[str, Any]
    """Of the forward steps and waits that are done, by name."""

    def known_state(self, step: str, direction: Direction) -> str | None:
        """State of a step's row; None when there is none."""
        row = self.rows.get((step, direction.value))
        return row.state if row is not None else None


@again_after_conflict
def look(message: StepMessage) -> SagaFacts | None:
    """Load a saga for a forward step that may be done without a claim. One query, no lock.

    What changes after this look (a cancel, a pause, somebody else's record) is met by the record.

    Returns:
        None where the step is to be claimed: the saga goes another way, something before the step is not finished, or the step may have
        been delivered before.
    """
    with connection.cursor() as cursor:
        _LOOK.run(cursor, {"saga": message.saga_id})
        row = cursor.fetchone()
    if row is None:
        return None
    saga = _facts(message.saga_id, *row)
    free = (
        saga.state in FORWARD_STATES
        and not saga.paused
        and saga.epoch == message.epoch
        and saga.rescues == 0  # otherwise this message may stand for one that has killed its worker
        and saga.known_state(message.step, Direction.FORWARD) is None
        and all(saga.known_state(step, Direction.FORWARD) in FINISHED for step in message.after)
    )
    return saga if free else None


@again_after_conflict
def claim(
    message: StepMessage, *, task: str, external: bool, lease: float, unseen: int = 0
) -> tuple[SagaFacts, Right | None] | None:
    """Claim one step for one delivery.

    The claim of a local step does not wait for the disk: a server that crashes and forgets it has forgotten the effect
    too, which is recorded later and in one transaction with it. That of an external step does: the provider forgets nothing.

    One statement of its own; committed when it returns unless the caller holds a transaction open. Refused when the saga is in another
    state or epoch, is paused, what the message names as coming before is not finished, or somebody else holds or has recorded the
    step. It is no leave to act: whether it is this step's turn at all is for the flow to say, of the rows that are returned
    (`is_its_turn`). In a saga that has ended only the undo of a late effect is claimed.

    Args:
        message: what the broker carried.
        task: name of the Celery task.
        external: whether the step is an external one.
        lease: seconds for which the claim holds unless it is renewed.
        unseen: deliveries before this one that may have left no row.

    Returns:
        The saga, and the right to act unless it was refused. None when there is no such saga.
    """
    forward = message.direction is Direction.FORWARD
    states = FORWARD_STATES if forward else (SagaState.COMPENSATING,)
    with connection.cursor() as cursor:
        _CLAIM.run(
            cursor,
            {
                "saga": message.saga_id,
                "name": message.step,
                "direction": message.direction.value,
                "task": task,
                "task_id": message.task_id,
                "deliveries": 1 + unseen,
                "lease": lease,
                "external": external,
                "flushed": external or engine_settings().FLUSH_LOCAL_STEPS,
                "states": [state.value for state in states],
                "ended": _ENDED,
                "epoch": message.epoch,
                "after": list(message.after),
            },
        )
        row = cursor.fetchone()
    if row is None:
        return None
    saga, known, claimed = row
    return _facts(message.saga_id, saga, known), Right(**claimed) if claimed else None


@again_after_conflict
def claim_to_settle(
    saga_id: UUID, step: str, *, is_pivot: bool, lease: float
) -> tuple[Right, dict[str, Any] | None] | None:
    """Claim a forward step of unknown outcome in order to settle it, while its saga is being undone; a late one also after.

    A pivot is also settled while the saga still goes forward: before it is known to be absent, nothing may be undone.

    One statement of its own. Returns the right and the error of the step's newest attempt, or None when there is
    nothing to settle or somebody else is at it.
    """
    with connection.cursor() as cursor:
        states = [SagaState.COMPENSATING, *(FORWARD_STATES if is_pivot else ())]
        cursor.execute(
            _CLAIM_TO_SETTLE,
            {
                "saga": saga_id,
                "name": step,
                "lease": lease,
                "states": [state.value for state in states],
                "ended": _ENDED,
            },
        )
        row = cursor.fetchone()
    if row is None:
        return None
    error = json.loads(row[6]) if isinstance(row[6], str) else row[6]
    return Right(*row[:6]), error


def renew(right: Right, *, lease: float) -> bool:
    """Prolong a lease by database time. False when the token is no longer the newest: somebody took over."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE orchestration_sagastep SET lease_until = statement_timestamp() + %s * interval '1 second'"
            " WHERE id = %s AND token = %s AND lease_until IS NOT NULL",
            [lease, right.row_id, right.token],
        )
        return bool(cursor.rowcount)


def release(right: Right) -> None:
    """Make a claimed step due again, or leave it alone if somebody else holds it by now. One statement.

    While its saga is being undone the barrier settles it as absent. The delivery does not count as a crash.
    """
    _held(right).update(
        state=StepState.PENDING.value, lease_until=None, sent_at=None, deliveries=F("deliveries") - 1
    )


def revoke(right: Right, *, is_new: bool) -> None:
    """Take a claim back that should not have been asked for, and leave no trace of it: no row, where there was none. One statement.

    A row of a step whose turn it is not would stay behind for good where the flow never comes to that step.
    """
    if not is_new:
        release(right)
        return
    _held(right).delete()


def _held(right: Right) -> QuerySet[SagaStep]:
    return SagaStep.objects.filter(id=right.row_id, token=right.token or 0, state=StepState.RUNNING.value)


def end_leases(task_ids: Collection[str]) -> int:
    """End the leases of the steps that these Celery tasks had claimed: the processes that ran them are no more.

    What would happen when the leases run out happens at once: the next delivery or sweep takes a step over, and one that may
    have acted is looked up first. These deliveries do not count as crashes. Two statements, each committed by itself.

    Returns:
        How many leases ended.
    """
    if not task_ids:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_END_LEASES, [list(task_ids)])
        sagas = [row[0] for row in cursor.fetchall()]
    # Not in one statement: everybody else locks a saga before its steps.
    Saga.objects.filter(id__in=sagas, ended_at=None, paused=False).update(wake_at=Now())
    return len(sagas)


def _facts(saga_id: UUID, saga: dict[str, Any], known: list[list[Any]] | None) -> SagaFacts:
    rows: dict[tuple[str, str], Known] = {}
    results: dict[str, Any] = {}
    for name, direction, state, result_type, skip_rest, late, unsure, result in (
        known or ()
    ):  # the newest generation last
        rows[name, direction] = Known(direction, state, result_type, skip_rest, late, unsure)
        if result is not None:
            results[name] = result
    return SagaFacts(**{**saga, "id": saga_id, "rows": rows, "results": results})
