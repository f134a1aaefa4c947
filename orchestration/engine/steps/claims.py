"""Claiming a step: one committed statement that checks, counts, leases and loads. All times are the database's.

Guarantee: of any number of deliveries at most one holds a live claim on a step, and a claim that commits is seen by
every undo that begins after it, because the claim holds the saga row in share mode and undo updates that row.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from orchestration.conf import engine_settings
from orchestration.core.planning.foresight import Known
from orchestration.core.planning.states import FORWARD_STATES, UNDONE_STATES, Direction, SagaState
from orchestration.engine.database.conflicts import again_after_conflict
from orchestration.engine.database.connection import connection
from orchestration.engine.database.prepared import Statement

CLAIM_OF_A_KNOWN_ROW = """
    ON CONFLICT (saga_id, name, direction, generation) DO UPDATE
       SET state = 'running', deliveries = step.deliveries + 1, token = step.token + 1,
           unsure = step.unsure OR (%(external)s AND step.state IN ('running', 'unknown')),
           lease_until = excluded.lease_until, task = excluded.task, task_id = excluded.task_id, due_at = NULL,
           started_at = COALESCE(step.started_at, excluded.started_at)
     WHERE step.state = 'pending'
        OR (step.state IN ('waiting', 'unknown') AND (step.due_at IS NULL OR step.due_at <= statement_timestamp()))
        OR (step.state = 'running' AND step.lease_until <= statement_timestamp())
    RETURNING id, generation, token, attempts, deliveries, unsure
"""
"""Which rows may be claimed, and what a claim does to them: the same for a message, and for a worker that runs ahead."""

SAGA = "id, definition, version, state, paused, epoch, business_key, reference, input, failure, trace_id, product_line"
"""What a step has to know of its saga."""
KNOWN = """json_agg(json_build_array(name, direction, state, result_type, skip_rest, late, unsure,
                                         CASE WHEN direction = 'forward' AND state = 'done' THEN result END)
                        ORDER BY generation)"""
"""And of the rows of its steps."""

_CLAIM = Statement(
    "claim",
    f"""
WITH saga AS (
    SELECT {SAGA}
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
SELECT row_to_json(saga),
       (SELECT row_to_json(claimed) FROM claimed
         WHERE %(flushed)s OR set_config('synchronous_commit', 'off', true) IS NOT NULL),
       (SELECT {KNOWN} FROM known)
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

_CLAIM_UNSETTLED = """
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


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to act once: a row, its fencing token, and what was loaded with it."""

    row_id: int
    generation: int
    token: int
    attempts: int
    deliveries: int
    unsure: bool


UNCLAIMED = Claim(row_id=0, generation=1, token=1, attempts=0, deliveries=1, unsure=False)
"""Of a step that comes into being as done: its first row, by its first delivery."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A claimed or refused delivery, with the saga as it was at that moment."""

    saga: dict[str, Any]
    claim: Claim | None
    results: dict[str, Any]
    """Of the forward steps and waits that are done, by name."""
    rows: dict[tuple[str, str], Known]
    """The newest row of each step, by name and direction, as they were before this statement."""

    def known_state(self, step: str, direction: Direction) -> str | None:
        """State of a step's row before this statement; None when there was none."""
        row = self.rows.get((step, direction.value))
        return row.state if row is not None else None


@again_after_conflict
def claim_step(
    message: StepMessage, *, task: str, external: bool, lease: float, unseen: int = 0
) -> Delivery | None:
    """Claim one step for one delivery.

    The claim of a local step does not wait for the disk: a server that crashes and forgets it has forgotten the effect
    too, which is recorded later and in one transaction with it. That of an external step does: the provider forgets nothing.

    One statement of its own; committed when it returns unless the caller holds a transaction open. Refused (with
    `claim` None) when the saga is in another state or epoch, is paused, what the message names as coming before is not finished,
    or somebody else holds or has recorded the step. It is no leave to act: whether it is this step's turn at all is for the flow
    to say, of the rows that are returned (`is_its_turn`). In a saga that has ended only the undo of a late effect is claimed.

    Args:
        message: what the broker carried.
        task: name of the Celery task.
        external: whether the step is an external one.
        lease: seconds for which the claim holds unless it is renewed.
        unseen: deliveries before this one that may have left no row.

    Returns:
        The delivery, or None when there is no such saga.
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
    saga, claimed, known = row
    rows, results = read_known(known)
    return Delivery(saga, claim_of(claimed) if claimed else None, results, rows)


@again_after_conflict
def claim_unsettled(
    saga_id: UUID, step: str, *, is_pivot: bool, lease: float
) -> tuple[Claim, dict[str, Any] | None] | None:
    """Claim a forward step of unknown outcome in order to settle it, while its saga is being undone; a late one also after.

    A pivot is also settled while the saga still goes forward: before it is known to be absent, nothing may be undone.

    One statement of its own. Returns the claim and the error of the step's newest attempt, or None when there is
    nothing to settle or somebody else is at it.
    """
    with connection.cursor() as cursor:
        states = [SagaState.COMPENSATING, *(FORWARD_STATES if is_pivot else ())]
        cursor.execute(
            _CLAIM_UNSETTLED,
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
    return Claim(*row[:6]), error


def renew_lease(claim: Claim, *, lease: float) -> bool:
    """Prolong a lease by database time. False when the token is no longer the newest: somebody took over."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE orchestration_sagastep SET lease_until = statement_timestamp() + %s * interval '1 second'"
            " WHERE id = %s AND token = %s AND lease_until IS NOT NULL",
            [lease, claim.row_id, claim.token],
        )
        return bool(cursor.rowcount)


def claim_of(row: dict[str, Any]) -> Claim:
    """A claim as a statement returned it."""
    return Claim(
        row["id"], row["generation"], row["token"], row["attempts"], row["deliveries"], row["unsure"]
    )


def read_known(known: list[list[Any]] | None) -> tuple[dict[tuple[str, str], Known], dict[str, Any]]:
    """The newest row of each step by name and direction, and the results by name, from what `KNOWN` gives."""
    rows: dict[tuple[str, str], Known] = {}
    results: dict[str, Any] = {}
    for name, direction, state, result_type, skip_rest, late, unsure, result in (
        known or ()
    ):  # the newest generation last
        rows[name, direction] = Known(direction, state, result_type, skip_rest, late, unsure)
        if result is not None:
            results[name] = result
    return rows, results
