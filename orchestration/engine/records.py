"""Recording that a step is done: one statement at the end of the caller's transaction.

It locks the saga row, re-checks state and epoch, writes the result under the fencing token, and adds the history row.
If undo has begun meanwhile, nothing matches, and the caller's transaction (effect and record) must not commit.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from orchestration.core.states import FORWARD_STATES, UNDONE_STATES, Direction, SagaState
from orchestration.engine.claims import Claim

_RECORD = """
WITH old AS (
    SELECT id, state, epoch, paused FROM orchestration_saga
     WHERE id = %(saga)s AND state = ANY(%(states)s)
       AND (NOT %(strict)s OR (epoch = %(epoch)s AND NOT paused))
       FOR NO KEY UPDATE
), saga AS (
    UPDATE orchestration_saga AS s
       SET state = CASE WHEN s.state IN ('accepted', 'waiting') AND %(direction)s = 'forward' THEN 'running' ELSE s.state END,
           milestone = CASE WHEN %(milestone)s = '' OR s.state = 'compensating' THEN s.milestone ELSE %(milestone)s END,
           wake_at = CASE WHEN s.wake_at IS NULL AND s.paused THEN NULL
                     ELSE statement_timestamp() + %(resend)s * interval '1 second' END,
           last_seq = s.last_seq + 1, rescues = 0, awaits_queue = '', updated_at = statement_timestamp()
      FROM old WHERE s.id = old.id
    RETURNING s.id, s.last_seq, s.state, old.state AS before,
              (s.epoch = %(epoch)s AND NOT s.paused AND s.state = ANY(%(carrying)s)) AS carries
), done AS (
    UPDATE orchestration_sagastep AS step
       SET state = %(state)s, input = %(input)s::jsonb, result = %(result)s::jsonb, result_type = %(result_type)s, error = NULL,
           attempts = step.attempts + 1, unsure = false, skip_rest = %(skip_rest)s, lease_until = NULL, due_at = NULL,
           ended_at = statement_timestamp(), done_seq = saga.last_seq
      FROM saga
     WHERE step.id = %(row)s AND step.token = %(token)s AND step.state IN ('running', 'unknown')
    RETURNING step.id
), noted AS (
    INSERT INTO orchestration_sagaevent (saga_id, seq, kind, before, after, step, direction, who, data)
    SELECT saga.id, saga.last_seq, CASE WHEN saga.state = ANY(%(ended)s) THEN 'late_' || %(kind)s ELSE %(kind)s END, CASE WHEN saga.before = saga.state THEN '' ELSE saga.before END,
           CASE WHEN saga.before = saga.state THEN '' ELSE saga.state END, %(name)s, %(direction)s, 'engine', %(data)s::jsonb
      FROM saga, done
)
SELECT saga.carries FROM saga, done
"""


class NotRecorded(Exception):
    """State, epoch or token have moved on: the caller's transaction must not commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a step ended well."""

    name: str
    direction: Direction
    state: str
    input: dict[str, Any]
    result: dict[str, Any] | None
    result_type: str | None
    milestone: str = ""
    skip_rest: bool = False


def record_ending(
    saga_id: UUID, epoch: int, claim: Claim, ending: Ending, *, strict: bool, resend_after: float
) -> bool:
    """Record that a claimed step is done.

    Must be inside a transaction. Locks the saga row, then the step row. `strict` (local steps) also demands the same
    epoch: otherwise the effect itself is called off. An external effect exists already, so it is recorded also while
    the saga is being undone.

    Returns:
        Whether this delivery carries the saga on: it recorded the step, and the saga still goes this way.

    Raises:
        NotRecorded: nothing was written; the transaction must be rolled back.
    """
    if ending.direction is Direction.FORWARD:
        states = set(FORWARD_STATES) if strict else {*FORWARD_STATES, SagaState.COMPENSATING}
        carrying = set(FORWARD_STATES)
    else:
        states = carrying = {SagaState.COMPENSATING}
        if ending.direction is Direction.UNDO:
            states = carrying = {
                SagaState.COMPENSATING,
                *UNDONE_STATES,
            }  # of a late effect; nothing else is claimed
    kind = {"done": "step_done", "not_needed": "undo_not_needed"}[ending.state]
    if ending.direction is Direction.UNDO and ending.state == "done":
        kind = "step_undone"
    with connection.cursor() as cursor:
        cursor.execute(
            _RECORD,
            {
                "saga": saga_id,
                "epoch": epoch,
                "strict": strict,
                "states": [state.value for state in states],
                "carrying": [state.value for state in carrying],
                "row": claim.row_id,
                "token": claim.token,
                "name": ending.name,
                "direction": ending.direction.value,
                "state": ending.state,
                "input": json.dumps(ending.input),
                "result": json.dumps(ending.result) if ending.result is not None else None,
                "result_type": ending.result_type,
                "milestone": ending.milestone,
                "skip_rest": ending.skip_rest,
                "resend": resend_after,
                "kind": kind,
                "ended": [state.value for state in UNDONE_STATES],
                "data": json.dumps({"attempt": claim.attempts + 1, "result_type": ending.result_type}),
            },
        )
        row = cursor.fetchone()
    if row is None:
        raise NotRecorded
    return bool(row[0])
