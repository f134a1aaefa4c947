"""Recording local steps that were done in one transaction without a claim: one statement for all of them.

They come into being as done. Whoever has claimed or recorded one of them meanwhile keeps it, for then nothing of this is committed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from orchestration.conf import engine_settings
from orchestration.core.planning.states import SagaState
from orchestration.engine.database.connection import connection
from orchestration.engine.database.prepared import Statement
from orchestration.engine.steps.claims import CLAIM_OF_A_KNOWN_ROW, Claim, claim_of
from orchestration.engine.steps.records import FLUSHED, WAKE_AT, Ending, NextClaim

_WRITTEN = f"""
WITH saga AS (
    UPDATE orchestration_saga AS s
       SET state = %(after)s,
           milestone = CASE WHEN %(milestone)s = '' THEN s.milestone ELSE %(milestone)s END,
           wake_at = {WAKE_AT.format(ends="%(ends)s")},
           ended_at = CASE WHEN %(ends)s THEN statement_timestamp() ELSE s.ended_at END,
           last_seq = s.last_seq + %(number)s + %(ends)s::int,
           rescues = 0, awaits_queue = '', updated_at = statement_timestamp()
     WHERE s.id = %(saga)s AND s.state = %(before)s AND s.epoch = %(epoch)s AND NOT s.paused
    RETURNING s.id, s.last_seq - %(number)s - %(ends)s::int AS seq
), steps AS {{materialized}} (
    {{steps}}
), done AS (
    INSERT INTO orchestration_sagastep
           (saga_id, name, direction, generation, state, task, task_id, deliveries, attempts, token, started_at, ended_at,
            input, result, result_type, skip_rest, done_seq)
    SELECT saga.id, steps.name, 'forward', 1, 'done', steps.task, steps.task_id, 1, 1, 1,
           statement_timestamp() - steps.began * interval '1 second',
           statement_timestamp() - steps.ended * interval '1 second',
           steps.input, steps.result, steps.result_type, steps.skip_rest, saga.seq + steps.number
      FROM saga, steps {{in_order}}
    ON CONFLICT (saga_id, name, direction, generation) DO NOTHING
    RETURNING id
), noted AS (
    INSERT INTO orchestration_sagaevent (saga_id, seq, kind, before, after, step, direction, who, data)
    SELECT saga.id, saga.seq + steps.number, 'step_done',
           CASE WHEN steps.number > 1 OR %(before)s = 'running' THEN '' ELSE %(before)s END,
           CASE WHEN steps.number > 1 OR %(before)s = 'running' THEN '' ELSE 'running' END,
           steps.name, 'forward', 'engine', jsonb_build_object('attempt', 1, 'result_type', steps.result_type)
               || CASE WHEN steps.skip_rest THEN jsonb_build_object('skips_rest_because', steps.skip_reason) ELSE '{{{{}}}}' END
      FROM saga, steps
    UNION ALL
    SELECT saga.id, saga.seq + %(number)s + 1, 'ended', 'running', %(after)s, '', '', 'engine', '{{{{}}}}'
      FROM saga WHERE %(ends)s
)"""  # noqa: S608 - made of constants
_ONE = {
    "materialized": "NOT MATERIALIZED",
    "in_order": "",
    "steps": """SELECT 1 AS number, %(name)s AS name, %(task)s AS task, %(task_id)s AS task_id, %(input)s AS input,
           %(result)s AS result, %(result_type)s AS result_type, %(skip_rest)s AS skip_rest,
           %(skip_reason)s AS skip_reason, %(began)s AS began, %(ended)s AS ended""",
}
_SEVERAL = {
    "materialized": "",
    "in_order": "ORDER BY steps.number",
    "steps": """SELECT * FROM jsonb_to_recordset(%(steps)s) AS x(number int, name text, task text, task_id text,
           input jsonb, result jsonb, result_type text, skip_rest bool, skip_reason text, began float8, ended float8)""",
}
_CLAIMED = f""", claimed AS (
    INSERT INTO orchestration_sagastep AS step
           (saga_id, name, direction, generation, state, task, deliveries, token, lease_until, started_at, task_id)
    SELECT saga.id, %(next)s, 'forward', 1, 'running', %(next_task)s, 1, 1,
           statement_timestamp() + %(lease)s * interval '1 second', statement_timestamp(), %(next_task_id)s
      FROM saga
{CLAIM_OF_A_KNOWN_ROW})"""  # noqa: S608 - made of constants
_SAGA_TYPES = {
    "saga": "uuid",
    "before": "text",
    "after": "text",
    "epoch": "int",
    "ends": "bool",
    "milestone": "text",
    "resend": "float8",
    "number": "int",
    "flushed": "bool",
}
_STEP_TYPES = {
    "name": "text",
    "task": "text",
    "task_id": "text",
    "input": "jsonb",
    "result": "jsonb",
    "result_type": "text",
    "skip_rest": "bool",
    "skip_reason": "text",
    "began": "float8",
    "ended": "float8",
}
_NEXT_TYPES = {
    "next": "text",
    "next_task": "text",
    "next_task_id": "text",
    "lease": "float8",
    "external": "bool",
}


def _statement(name: str, *, one: bool, claims: bool) -> Statement:
    """Only what is needed: each part of a statement costs, even one that does nothing."""
    sql = _WRITTEN.format(**(_ONE if one else _SEVERAL)) + (_CLAIMED if claims else "")
    claimed = "(SELECT row_to_json(claimed) FROM claimed)" if claims else "NULL"
    types = {**_SAGA_TYPES, **(_STEP_TYPES if one else {"steps": "jsonb"}), **(_NEXT_TYPES if claims else {})}
    ends = f" SELECT (SELECT count(*) FROM done), {claimed} FROM saga WHERE {FLUSHED}"  # noqa: S608 - constants
    return Statement(name, sql + ends, **types)


_RECORDS = {
    (True, False): _statement("record_unclaimed", one=True, claims=False),
    (True, True): _statement("record_unclaimed_and_claim", one=True, claims=True),
    (False, False): _statement("record_together", one=False, claims=False),
    (False, True): _statement("record_together_and_claim", one=False, claims=True),
}
"""By whether it is one step, and whether the next one is claimed."""


class NotTogether(Exception):
    """The saga has moved on, one of the steps is somebody else's, or did not end as a step that is done: nothing may commit."""


@dataclass(frozen=True, slots=True)
class DoneStep:
    """One of the steps, as it is recorded."""

    ending: Ending
    task: str
    task_id: str
    began: float
    ended: float
    """Moments of `time.monotonic`."""


def record_unclaimed(
    saga_id: UUID,
    epoch: int,
    before: SagaState,
    steps: Sequence[DoneStep],
    *,
    resend_after: float,
    ends: bool,
    then: NextClaim | None,
) -> Claim | None:
    """Record forward steps that were done one after the other, and in the same statement end their saga or claim the next step.

    Must be inside the transaction in which they were done. Locks the saga row and demands that the saga is in the state in which it
    was seen, is not paused, and has the epoch of the message. Exactly once by (saga, step, direction, generation): the unique key of
    the rows.

    Args:
        saga_id: whose steps.
        epoch: of the message.
        before: state of the saga when it was looked at.
        steps: all of them; none had a row then.
        resend_after: seconds until the heartbeat asks what has become of the saga.
        ends: nothing is left to do behind them. Only where `foresee` has said so.
        then: what is claimed with it. Only where `foresee` has said that it follows.

    Returns:
        The claim of the next step, where one was asked for and could be had.

    Raises:
        NotTogether: the transaction must be rolled back.
    """
    now = time.monotonic()
    milestones = [step.ending.milestone for step in steps if step.ending.milestone]
    values: dict[str, Any] = {
        "saga": saga_id,
        "before": before.value,
        "after": (SagaState.COMPLETED if ends else SagaState.RUNNING).value,
        "epoch": epoch,
        "ends": ends,
        "milestone": milestones[-1] if milestones else "",
        "resend": resend_after,
        "number": len(steps),
        "flushed": ends or (then is not None and then.external) or engine_settings().FLUSH_LOCAL_STEPS,
    }
    if len(steps) == 1:
        values |= _values(steps[0], now)
        values |= {"input": json.dumps(values["input"])}
        values |= {"result": json.dumps(values["result"]) if values["result"] is not None else None}
    else:
        values["steps"] = json.dumps([{"number": n, **_values(step, now)} for n, step in enumerate(steps, 1)])
    if then is not None:
        wanted = {"next": then.step, "next_task": then.task, "next_task_id": then.task_id}
        values |= wanted | {"lease": then.lease, "external": then.external}
    with connection.cursor() as cursor:
        _RECORDS[len(steps) == 1, then is not None].run(cursor, values)
        row = cursor.fetchone()
    if row is None or row[0] != len(steps):
        raise NotTogether
    return claim_of(row[1]) if row[1] else None


def _values(step: DoneStep, now: float) -> dict[str, Any]:
    ending = step.ending
    return {
        "name": ending.name,
        "task": step.task,
        "task_id": step.task_id,
        "input": ending.input,
        "result": ending.result,
        "result_type": ending.result_type,
        "skip_rest": ending.skip_rest,
        "skip_reason": ending.skip_reason,
        "began": now - step.began,
        "ended": now - step.ended,
    }
