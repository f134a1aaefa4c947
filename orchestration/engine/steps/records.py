"""Recording that steps are done: one statement at the end of the transaction in which local steps acted, or after an external one.

It locks the saga row, checks state and epoch again, and writes rows and history. A step that was claimed is updated under its fencing
token; those without a claim come into being as done. In the same statement the saga ends, or the next step is claimed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestration.conf import engine_settings
from orchestration.core.planning.states import (
    FORWARD_STATES,
    UNDONE_STATES,
    Direction,
    SagaState,
    StepState,
)
from orchestration.engine.database.connection import connection, transaction
from orchestration.engine.database.prepared import Statement
from orchestration.engine.steps.pace import NextStep, lease_of
from orchestration.engine.steps.rights import CLAIM_OF_A_KNOWN_ROW, Right, StepMessage
from orchestration.models import SagaStep

_WAKE_AT = """CASE WHEN {ends} OR s.wake_at IS NULL AND s.paused THEN NULL
                          WHEN s.wake_at BETWEEN statement_timestamp() + %(resend)s / 2 * interval '1 second'
                                             AND statement_timestamp() + %(resend)s * interval '1 second' THEN s.wake_at
                          ELSE statement_timestamp() + %(resend)s * interval '1 second' END"""
"""Left alone while it is far enough away: an indexed column that changes with each step costs every index of the row."""

_INSERT = f"""
WITH saga AS (
    UPDATE orchestration_saga AS s
       SET state = %(going)s,
           milestone = CASE WHEN %(milestone)s = '' THEN s.milestone ELSE %(milestone)s END,
           wake_at = {_WAKE_AT.format(ends="%(ends)s")},
           ended_at = CASE WHEN %(ends)s THEN statement_timestamp() ELSE s.ended_at END,
           last_seq = s.last_seq + %(number)s + %(ends)s::int,
           rescues = 0, awaits_queue = '', updated_at = statement_timestamp()
     WHERE s.id = %(saga)s AND s.state = %(before)s AND s.epoch = %(epoch)s AND NOT s.paused
    RETURNING s.id, s.last_seq - %(number)s - %(ends)s::int AS seq, true AS carries, %(ends)s AS ends
), steps AS (
    SELECT number, name, task, task_id, input, result, result_type, skip_rest, data,
           statement_timestamp() - began * interval '1 second' AS began_at,
           statement_timestamp() - ended * interval '1 second' AS ended_at
      FROM jsonb_to_recordset(%(steps)s)
        AS x(number int, name text, task text, task_id text, input jsonb, result jsonb, result_type text, skip_rest bool,
             data jsonb, began float8, ended float8)
), done AS (
    INSERT INTO orchestration_sagastep
           (saga_id, name, direction, generation, state, task, task_id, deliveries, attempts, token, started_at, ended_at,
            input, result, result_type, skip_rest, done_seq)
    SELECT saga.id, name, 'forward', 1, 'done', task, task_id, 1, 1, 1, began_at, ended_at,
           input, result, result_type, skip_rest, saga.seq + number
      FROM saga, steps ORDER BY number
    ON CONFLICT DO NOTHING
    RETURNING id
), noted AS (
    INSERT INTO orchestration_sagaevent (saga_id, seq, kind, before, after, step, direction, who, data)
    SELECT saga.id, saga.seq + number, 'step_done',
           CASE WHEN number > 1 OR %(before)s = 'running' THEN '' ELSE %(before)s END,
           CASE WHEN number > 1 OR %(before)s = 'running' THEN '' ELSE 'running' END, name, 'forward', 'engine', data
      FROM saga, steps
    UNION ALL
    SELECT saga.id, saga.seq + %(number)s + 1, 'ended', 'running', %(going)s, '', '', 'engine', '{{}}' FROM saga WHERE saga.ends
)"""  # noqa: S608 - made of constants
_INSERT_TYPES = {"before": "text", "going": "text", "number": "int", "steps": "jsonb"}
"""Of steps that have no row: they come into being as done, or none of them does."""

_UPDATE = f"""
WITH old AS (
    SELECT id, state, epoch = %(epoch)s AND NOT paused AND state = ANY(%(carrying)s) AS carries,
           CASE WHEN state IN ('accepted', 'waiting') AND %(direction)s = 'forward' THEN 'running' ELSE state END AS going
      FROM orchestration_saga
     WHERE id = %(saga)s AND state = ANY(%(states)s)
       AND (NOT %(strict)s OR (epoch = %(epoch)s AND NOT paused))
       FOR NO KEY UPDATE
), saga AS (
    UPDATE orchestration_saga AS s
       SET state = CASE WHEN %(ends)s AND old.carries THEN 'completed' ELSE old.going END,
           milestone = CASE WHEN %(milestone)s = '' OR s.state = 'compensating' THEN s.milestone ELSE %(milestone)s END,
           wake_at = {_WAKE_AT.format(ends="%(ends)s AND old.carries")},
           ended_at = CASE WHEN %(ends)s AND old.carries THEN statement_timestamp() ELSE s.ended_at END,
           last_seq = s.last_seq + CASE WHEN %(ends)s AND old.carries THEN 2 ELSE 1 END,
           rescues = 0, awaits_queue = '', updated_at = statement_timestamp()
      FROM old WHERE s.id = old.id
    RETURNING s.id, s.last_seq - CASE WHEN %(ends)s AND old.carries THEN 1 ELSE 0 END AS seq, s.state,
              old.state AS before, old.going, old.carries, %(ends)s AND old.carries AS ends
), done AS (
    UPDATE orchestration_sagastep AS step
       SET state = %(state)s, input = %(input)s, result = %(result)s, result_type = %(result_type)s, error = NULL,
           attempts = step.attempts + 1, unsure = false, skip_rest = %(skip_rest)s, lease_until = NULL, due_at = NULL,
           ended_at = statement_timestamp(), done_seq = saga.seq
      FROM saga
     WHERE step.id = %(row)s AND step.token = %(token)s AND step.state IN ('running', 'unknown')
    RETURNING step.id
), noted AS (
    INSERT INTO orchestration_sagaevent (saga_id, seq, kind, before, after, step, direction, who, data)
    SELECT saga.id, saga.seq, CASE WHEN saga.state = ANY(%(late)s) THEN 'late_' || %(kind)s ELSE %(kind)s END,
           CASE WHEN saga.before = saga.going THEN '' ELSE saga.before END,
           CASE WHEN saga.before = saga.going THEN '' ELSE saga.going END, %(name)s, %(direction)s, 'engine', %(data)s
      FROM saga
    UNION ALL
    SELECT saga.id, saga.seq + 1, 'ended', saga.going, saga.state, '', '', 'engine', '{{}}' FROM saga WHERE saga.ends
)"""  # noqa: S608 - made of constants
_UPDATE_TYPES = {
    "direction": "text",
    "states": "text[]",
    "carrying": "text[]",
    "late": "text[]",
    "strict": "bool",
    "row": "bigint",
    "token": "int",
    "name": "text",
    "state": "text",
    "input": "jsonb",
    "result": "jsonb",
    "result_type": "text",
    "skip_rest": "bool",
    "kind": "text",
    "data": "jsonb",
}
"""Of one step that was claimed, under its token."""

_CLAIM_NEXT = f""", claimed AS (
    INSERT INTO orchestration_sagastep AS step
           (saga_id, name, direction, generation, state, task, deliveries, token, lease_until, started_at, task_id)
    SELECT saga.id, %(next)s, 'forward', 1, 'running', %(next_task)s, 1, 1,
           statement_timestamp() + %(lease)s * interval '1 second', statement_timestamp(), %(next_task_id)s
      FROM saga WHERE saga.carries
{CLAIM_OF_A_KNOWN_ROW})"""  # noqa: S608 - made of constants
_CLAIM_NEXT_TYPES = {
    "next": "text",
    "next_task": "text",
    "next_task_id": "text",
    "lease": "float8",
    "external": "bool",
}

_ANSWER = """
SELECT (SELECT count(*) FROM done), saga.carries, saga.ends, {claimed}
  FROM saga WHERE %(flushed)s OR set_config('synchronous_commit', 'off', true) IS NOT NULL"""
_TYPES = {
    "saga": "uuid",
    "epoch": "int",
    "ends": "bool",
    "milestone": "text",
    "resend": "float8",
    "flushed": "bool",
}


def _statement(name: str, written: str, types: dict[str, str], *, claims: bool) -> Statement:
    """One whole statement. Each part of it costs, even one that does nothing, so a part that is not needed is left out."""
    if not claims:
        return Statement(name, written + _ANSWER.format(claimed="NULL"), **_TYPES, **types)
    answer = _ANSWER.format(claimed="(SELECT row_to_json(claimed) FROM claimed)")
    return Statement(
        f"{name}_and_claim", written + _CLAIM_NEXT + answer, **_TYPES, **types, **_CLAIM_NEXT_TYPES
    )


_INSERTS = {claims: _statement("record", _INSERT, _INSERT_TYPES, claims=claims) for claims in (False, True)}
_UPDATES = {
    claims: _statement("record_claimed", _UPDATE, _UPDATE_TYPES, claims=claims) for claims in (False, True)
}
"""By whether the next step is claimed with it."""


class NotRecorded(Exception):
    """State, epoch or token have moved on, or a step is somebody else's: the caller's transaction must not commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a step ended well, and by what right that is recorded."""

    right: Right
    name: str
    direction: Direction
    task: str
    task_id: str
    state: StepState
    input: dict[str, Any]
    result: dict[str, Any] | None
    result_type: str | None
    began: float
    """Moment of `time.monotonic`."""
    ended: float
    milestone: str = ""
    skip_rest: bool = False
    skip_reason: str | None = None
    """Why the rest is skipped, for the history."""

    @property
    def noted(self) -> dict[str, Any]:
        """What the history says of it."""
        because = {"skips_rest_because": self.skip_reason} if self.skip_reason is not None else {}
        return {"attempt": self.right.attempts + 1, "result_type": self.result_type, **because}


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a record."""

    carries: bool
    """Whether this delivery carries the saga on: the saga still goes this way."""
    ended: bool
    """Whether the saga has ended with it."""
    right: Right | None
    """To act for the next step, where it was claimed."""


def record(
    message: StepMessage,
    before: SagaState,
    steps: Sequence[Ending],
    *,
    strict: bool,
    ends: bool,
    claim: NextStep | None,
) -> Recorded:
    """Record steps that are done, and in the same statement end their saga or claim the step behind them.

    Must be inside a transaction. Locks the saga row, then the step rows. Idempotent by (saga, step, direction, generation) and token.

    A local step's record does not make the commit wait for the disk, unless something outside depends on it: the end of the
    saga, or an external step that is claimed with it.

    Args:
        message: the delivery of the first of them: which saga, which direction, which epoch.
        before: state of the saga when the right to act was got. Steps without a claim demand that it still is in it.
        steps: one that was claimed, or any number that have no row yet, in the order in which they were done.
        strict: whether they are local steps. That also demands the epoch of the message and that the saga is not paused: otherwise
            the effect itself is called off. An external effect exists already, so it is recorded also while the saga is being undone.
        ends: nothing is left to do behind them. Only where `foresee` has said so.
        claim: the next step, if it is to be claimed. Only where `foresee` has said that it follows.

    Raises:
        NotRecorded: the transaction must be rolled back.
    """
    reference = claim.participant.reference if claim is not None else None
    flushed = not strict or ends or (reference is not None and reference.is_external)
    values: dict[str, Any] = {
        "saga": message.saga_id,
        "epoch": message.epoch,
        "ends": ends,
        "milestone": next((step.milestone for step in reversed(steps) if step.milestone), ""),
        "resend": engine_settings().RESEND_AFTER_SECONDS,
        "flushed": flushed or engine_settings().FLUSH_LOCAL_STEPS,
    }
    if claim is not None and reference is not None:
        values |= {"next": claim.step, "next_task": reference.task, "next_task_id": claim.task_id}
        values |= {"lease": lease_of(reference), "external": reference.is_external}
    if steps[0].right.token is None:
        statements, more = _INSERTS, _values_to_insert(steps, before, ends=ends)
    else:
        statements, more = _UPDATES, _values_to_update(steps[0], strict=strict)
    with connection.cursor() as cursor:
        statements[claim is not None].run(cursor, values | more)
        row = cursor.fetchone()
    if row is None or row[0] != len(steps):
        raise NotRecorded
    _, carries, ended, claimed = row
    return Recorded(carries, ended, Right(**claimed) if claimed else None)


def was_recorded(message: StepMessage, right: Right) -> bool:
    """Say whether a delivery has recorded its step although its connection was lost at the commit: only the row knows.

    Opens a transaction. Waits for the lost one, which may still be about to commit, by the lock on the saga's row.
    """
    rows = SagaStep.objects.filter(
        saga_id=message.saga_id,
        name=message.step,
        direction=message.direction.value,
        state__in=[StepState.DONE.value, StepState.NOT_NEEDED.value],
    )
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT FROM orchestration_saga WHERE id = %s FOR SHARE", [message.saga_id])
        if right.token is None:
            return rows.filter(task_id=message.task_id).exists()
        return rows.filter(id=right.row_id, token=right.token).exists()


def _values_to_insert(steps: Sequence[Ending], before: SagaState, *, ends: bool) -> dict[str, Any]:
    now = time.monotonic()
    return {
        "before": before.value,
        "going": (SagaState.COMPLETED if ends else SagaState.RUNNING).value,
        "number": len(steps),
        "steps": json.dumps(
            [
                {
                    "number": number,
                    "name": step.name,
                    "task": step.task,
                    "task_id": step.task_id,
                    "input": step.input,
                    "result": step.result,
                    "result_type": step.result_type,
                    "skip_rest": step.skip_rest,
                    "data": step.noted,
                    "began": now - step.began,
                    "ended": now - step.ended,
                }
                for number, step in enumerate(steps, 1)
            ]
        ),
    }


def _values_to_update(step: Ending, *, strict: bool) -> dict[str, Any]:
    direction = step.direction
    if direction is Direction.FORWARD:
        carrying = set(FORWARD_STATES)
        states = carrying if strict else {*carrying, SagaState.COMPENSATING}
    else:
        states = carrying = {SagaState.COMPENSATING}
        if direction is Direction.UNDO:
            states = carrying = {*states, *UNDONE_STATES}  # of a late effect; nothing else is claimed
    kind = {StepState.DONE: "step_done", StepState.NOT_NEEDED: "undo_not_needed"}[step.state]
    if direction is Direction.UNDO and step.state is StepState.DONE:
        kind = "step_undone"
    return {
        "direction": direction.value,
        "states": [state.value for state in states],
        "carrying": [state.value for state in carrying],
        "late": [state.value for state in UNDONE_STATES],
        "strict": strict,
        "row": step.right.row_id,
        "token": step.right.token,
        "name": step.name,
        "state": step.state.value,
        "input": json.dumps(step.input),
        "result": json.dumps(step.result) if step.result is not None else None,
        "result_type": step.result_type,
        "skip_rest": step.skip_rest,
        "kind": kind,
        "data": json.dumps(step.noted),
    }
