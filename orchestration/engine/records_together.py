"""Recording several local steps that one worker has done in one transaction: one statement for all of them.

The first was claimed, and is recorded under its fencing token. The others come into being as done: nobody could see them claimed,
and whoever has claimed one meanwhile keeps it, for then nothing of this is committed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from orchestration.conf import engine_settings
from orchestration.core.states import FORWARD_STATES
from orchestration.engine.claims import CLAIM_OF_A_KNOWN_ROW, Claim, claim_of
from orchestration.engine.prepared import Statement
from orchestration.engine.records import FLUSHED, Ending, NextClaim, NotRecorded, Recorded

_STATEMENT = f"""
WITH old AS (
    SELECT id, state, CASE WHEN state IN ('accepted', 'waiting') THEN 'running' ELSE state END AS going
      FROM orchestration_saga
     WHERE id = %(saga)s AND state = ANY(%(states)s) AND epoch = %(epoch)s AND NOT paused
       FOR NO KEY UPDATE
), saga AS (
    UPDATE orchestration_saga AS s
       SET state = CASE WHEN %(ends)s THEN 'completed' ELSE old.going END,
           milestone = CASE WHEN %(milestone)s = '' THEN s.milestone ELSE %(milestone)s END,
           wake_at = CASE WHEN NOT %(ends)s THEN statement_timestamp() + %(resend)s * interval '1 second' END,
           ended_at = CASE WHEN %(ends)s THEN statement_timestamp() ELSE s.ended_at END,
           last_seq = s.last_seq + %(number)s + %(ends)s::int,
           rescues = 0, awaits_queue = '', updated_at = statement_timestamp()
      FROM old WHERE s.id = old.id
    RETURNING s.id, s.last_seq - %(number)s - %(ends)s::int AS seq, s.state, old.state AS before, old.going
), steps AS (
    SELECT x.*, statement_timestamp() - x.began * interval '1 second' AS began_at,
           statement_timestamp() - x.ended * interval '1 second' AS ended_at
      FROM jsonb_to_recordset(%(steps)s) AS x(number int, name text, task text, task_id text, input jsonb, result jsonb,
                                              result_type text, skip_rest bool, began float8, ended float8)
), done AS (
    UPDATE orchestration_sagastep AS step
       SET state = 'done', input = steps.input, result = steps.result, result_type = steps.result_type, error = NULL,
           attempts = step.attempts + 1, unsure = false, skip_rest = steps.skip_rest, lease_until = NULL, due_at = NULL,
           ended_at = steps.ended_at, done_seq = saga.seq + 1
      FROM saga, steps
     WHERE steps.number = 1 AND step.id = %(row)s AND step.token = %(token)s AND step.state = 'running'
    RETURNING step.id
), others AS (
    INSERT INTO orchestration_sagastep
           (saga_id, name, direction, generation, state, task, task_id, deliveries, attempts, token, started_at, ended_at,
            input, result, result_type, skip_rest, done_seq)
    SELECT saga.id, steps.name, 'forward', 1, 'done', steps.task, steps.task_id, 1, 1, 1, steps.began_at, steps.ended_at,
           steps.input, steps.result, steps.result_type, steps.skip_rest, saga.seq + steps.number
      FROM saga, done, steps WHERE steps.number > 1 ORDER BY steps.number
    ON CONFLICT (saga_id, name, direction, generation) DO NOTHING
    RETURNING id
), noted AS (
    INSERT INTO orchestration_sagaevent (saga_id, seq, kind, before, after, step, direction, who, data)
    SELECT saga.id, saga.seq + steps.number, 'step_done',
           CASE WHEN steps.number > 1 OR saga.before = saga.going THEN '' ELSE saga.before END,
           CASE WHEN steps.number > 1 OR saga.before = saga.going THEN '' ELSE saga.going END,
           steps.name, 'forward', 'engine', jsonb_build_object('attempt', 1, 'result_type', steps.result_type)
      FROM saga, done, steps
    UNION ALL
    SELECT saga.id, saga.seq + %(number)s + 1, 'ended', saga.going, saga.state, '', '', 'engine', '{{}}'
      FROM saga, done WHERE %(ends)s
), claimed AS (
    INSERT INTO orchestration_sagastep AS step
           (saga_id, name, direction, generation, state, task, deliveries, token, lease_until, started_at, task_id)
    SELECT saga.id, %(next)s, 'forward', 1, 'running', %(task)s, 1, 1,
           statement_timestamp() + %(lease)s * interval '1 second', statement_timestamp(), %(task_id)s
      FROM saga, done WHERE %(next)s <> ''
{CLAIM_OF_A_KNOWN_ROW})
SELECT (SELECT count(*) FROM others), (SELECT row_to_json(claimed) FROM claimed)
  FROM saga, done WHERE {FLUSHED}
"""  # noqa: S608 - made of constants

_RECORD = Statement(
    "record_together",
    _STATEMENT,
    saga="uuid",
    states="text[]",
    epoch="int",
    ends="bool",
    milestone="text",
    resend="float8",
    number="int",
    steps="jsonb",
    row="bigint",
    token="int",  # noqa: S106 - a type
    next="text",
    task="text",
    task_id="text",
    lease="float8",
    external="bool",
    flushed="bool",
)
_NO_CLAIM = NextClaim("", "", "", external=False, lease=0.0)


class NotTogether(Exception):
    """One of the steps is somebody else's, or did not end as a step that is done: the caller's transaction must not commit."""


@dataclass(frozen=True, slots=True)
class DoneStep:
    """One of the steps, as it is recorded."""

    ending: Ending
    task: str
    task_id: str
    began: float
    ended: float
    """Moments of `time.monotonic`."""


def record_together(
    saga_id: UUID,
    epoch: int,
    claim: Claim,
    steps: Sequence[DoneStep],
    *,
    resend_after: float,
    ends: bool,
    then: NextClaim | None,
) -> Recorded:
    """Record forward steps that were done one after the other, and in the same statement end their saga or claim the next step.

    Must be inside the transaction in which they were done. Locks the saga row, then the step rows, and demands that the saga still
    goes forward, is not paused, and has the epoch of the message.

    Args:
        saga_id: whose steps.
        epoch: of the message.
        claim: of the first step.
        steps: all of them; those behind the first had no row when it was claimed.
        resend_after: seconds until the heartbeat asks what has become of the saga.
        ends: nothing is left to do behind them. Only where `foresee` has said so.
        then: what is claimed with it. Only where `foresee` has said that it follows.

    Raises:
        NotRecorded: nothing was written; the transaction must be rolled back.
        NotTogether: part of it was; the transaction must be rolled back.
    """
    now = time.monotonic()
    wanted = then or _NO_CLAIM
    milestones = [step.ending.milestone for step in steps if step.ending.milestone]
    with connection.cursor() as cursor:
        _RECORD.run(
            cursor,
            {
                "saga": saga_id,
                "states": [state.value for state in FORWARD_STATES],
                "epoch": epoch,
                "ends": ends,
                "milestone": milestones[-1] if milestones else "",
                "resend": resend_after,
                "number": len(steps),
                "steps": json.dumps([_as_json(n, step, now) for n, step in enumerate(steps, 1)]),
                "row": claim.row_id,
                "token": claim.token,
                "next": wanted.step,
                "task": wanted.task,
                "task_id": wanted.task_id,
                "lease": wanted.lease,
                "external": wanted.external,
                "flushed": ends or wanted.external or engine_settings().FLUSH_LOCAL_STEPS,
            },
        )
        row = cursor.fetchone()
    if row is None:
        raise NotRecorded
    others, claimed = row
    if others != len(steps) - 1:
        raise NotTogether
    return Recorded(True, ends, claim_of(claimed) if claimed else None)


def _as_json(number: int, step: DoneStep, now: float) -> dict[str, object]:
    ending = step.ending
    return {
        "number": number,
        "name": ending.name,
        "task": step.task,
        "task_id": step.task_id,
        "input": ending.input,
        "result": ending.result,
        "result_type": ending.result_type,
        "skip_rest": ending.skip_rest,
        "began": now - step.began,
        "ended": now - step.ended,
    }
