"""Recording that a step is done: one statement at the end of the caller's transaction.

It locks the saga row, re-checks state and epoch, writes the result under the fencing token, and adds the history row.
If undo has begun meanwhile, nothing matches, and the caller's transaction (effect and record) must not commit.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from orchestration.conf import engine_settings
from orchestration.core.planning.states import FORWARD_STATES, UNDONE_STATES, Direction, SagaState
from orchestration.engine.database.connection import connection
from orchestration.engine.database.prepared import Statement
from orchestration.engine.steps.claims import CLAIM_OF_A_KNOWN_ROW, Claim, claim_of

WAKE_AT = """CASE WHEN {ends} OR s.wake_at IS NULL AND s.paused THEN NULL
                          WHEN s.wake_at BETWEEN statement_timestamp() + %(resend)s / 2 * interval '1 second'
                                             AND statement_timestamp() + %(resend)s * interval '1 second' THEN s.wake_at
                          ELSE statement_timestamp() + %(resend)s * interval '1 second' END"""
"""Left alone while it is far enough away: an indexed column that changes with each step costs every index of the row."""

_WRITTEN = f"""
WITH old AS (
    SELECT id, state, epoch, paused,
           epoch = %(epoch)s AND NOT paused AND state = ANY(%(carrying)s) AS carries,
           CASE WHEN state IN ('accepted', 'waiting') AND %(direction)s = 'forward' THEN 'running' ELSE state END AS going
      FROM orchestration_saga
     WHERE id = %(saga)s AND state = ANY(%(states)s)
       AND (NOT %(strict)s OR (epoch = %(epoch)s AND NOT paused))
       FOR NO KEY UPDATE
), saga AS (
    UPDATE orchestration_saga AS s
       SET state = CASE WHEN %(ends)s AND old.carries THEN 'completed' ELSE old.going END,
           milestone = CASE WHEN %(milestone)s = '' OR s.state = 'compensating' THEN s.milestone ELSE %(milestone)s END,
           wake_at = {WAKE_AT.format(ends="%(ends)s AND old.carries")},
           ended_at = CASE WHEN %(ends)s AND old.carries THEN statement_timestamp() ELSE s.ended_at END,
           last_seq = s.last_seq + CASE WHEN %(ends)s AND old.carries THEN 2 ELSE 1 END,
           rescues = 0, awaits_queue = '', updated_at = statement_timestamp()
      FROM old WHERE s.id = old.id
    RETURNING s.id, s.last_seq - CASE WHEN %(ends)s AND old.carries THEN 1 ELSE 0 END AS seq, s.state,
              old.state AS before, old.going, old.carries, %(ends)s AND old.carries AS ended
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
      FROM saga, done
    UNION ALL
    SELECT saga.id, saga.seq + 1, 'ended', saga.going, saga.state, '', '', 'engine', '{{}}'
      FROM saga, done WHERE saga.ended
)"""  # noqa: S608 - made of constants
_TYPES = {
    "epoch": "int",
    "carrying": "text[]",
    "direction": "text",
    "saga": "uuid",
    "states": "text[]",
    "strict": "bool",
    "ends": "bool",
    "milestone": "text",
    "resend": "float8",
    "state": "text",
    "input": "jsonb",
    "result": "jsonb",
    "result_type": "text",
    "skip_rest": "bool",
    "row": "bigint",
    "token": "int",
    "late": "text[]",
    "kind": "text",
    "name": "text",
    "data": "jsonb",
    "flushed": "bool",
}
FLUSHED = "(%(flushed)s OR set_config('synchronous_commit', 'off', true) IS NOT NULL)"

_RECORD = Statement(
    "record",
    f"{_WRITTEN} SELECT saga.carries, saga.ended, NULL FROM saga, done WHERE {FLUSHED}",  # noqa: S608 - made of constants
    **_TYPES,
)
_RECORD_AND_CLAIM = Statement(
    "record_and_claim",
    f"""{_WRITTEN}, claimed AS (
    INSERT INTO orchestration_sagastep AS step
           (saga_id, name, direction, generation, state, task, deliveries, token, lease_until, started_at, task_id)
    SELECT saga.id, %(next)s, 'forward',
           COALESCE((SELECT max(generation) FROM orchestration_sagastep AS known
                      WHERE known.saga_id = saga.id AND known.name = %(next)s AND known.direction = 'forward'), 1),
           'running', %(task)s, 1, 1, statement_timestamp() + %(lease)s * interval '1 second',
           statement_timestamp(), %(task_id)s
      FROM saga, done WHERE saga.carries
{CLAIM_OF_A_KNOWN_ROW})
SELECT saga.carries, saga.ended, (SELECT row_to_json(claimed) FROM claimed) FROM saga, done WHERE {FLUSHED}
""",  # noqa: S608 - made of constants
    **_TYPES,
    next="text",
    task="text",
    lease="float8",
    task_id="text",
    external="bool",
)


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
    skip_reason: str | None = None
    """Why the rest is skipped, for the history."""

    @property
    def skipped_because(self) -> dict[str, str]:
        """What the history says of it."""
        return {"skips_rest_because": self.skip_reason} if self.skip_reason is not None else {}


@dataclass(frozen=True, slots=True)
class NextClaim:
    """The step that whoever records goes straight on with, if nobody else is at it."""

    step: str
    task: str
    task_id: str
    external: bool
    lease: float
    may_go_unclaimed: bool
    """Whether it may as well be done without a claim."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of it."""

    carries: bool
    """Whether this delivery carries the saga on: it recorded the step, and the saga still goes this way."""
    ended: bool
    """Whether the saga has ended with it."""
    claim: Claim | None
    """Of the next step, where one was asked for and could be had."""


def record_ending(
    saga_id: UUID,
    epoch: int,
    claim: Claim,
    ending: Ending,
    *,
    strict: bool,
    resend_after: float,
    ends: bool = False,
    then: NextClaim | None = None,
) -> Recorded:
    """Record that a claimed step is done, and in the same statement end its saga or claim the step behind it.

    Must be inside a transaction. Locks the saga row, then the step rows. `strict` (local steps) also demands the same
    epoch: otherwise the effect itself is called off. An external effect exists already, so it is recorded also while
    the saga is being undone.

    A local step's record does not make the commit wait for the disk, unless something outside depends on it: the end of the
    saga, or an external step that is claimed with it.

    Args:
        saga_id: whose step.
        epoch: of the message.
        claim: the right to record.
        ending: what is recorded.
        strict: whether it is a local step.
        resend_after: seconds until the heartbeat asks what has become of the saga.
        ends: nothing is left to do behind it. Only where `foresee` has said so.
        then: what is claimed with it. Only where `foresee` has said that it follows.

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
    at_leisure = strict and not ends and not (then is not None and then.external)
    values: dict[str, Any] = {
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
        "late": [state.value for state in UNDONE_STATES],
        "data": json.dumps(
            {"attempt": claim.attempts + 1, "result_type": ending.result_type, **ending.skipped_because}
        ),
        "ends": ends,
        "flushed": not at_leisure or engine_settings().FLUSH_LOCAL_STEPS,
    }
    with connection.cursor() as cursor:
        if then is None:
            _RECORD.run(cursor, values)
        else:
            wanted = {"next": then.step, "task": then.task, "task_id": then.task_id}
            _RECORD_AND_CLAIM.run(cursor, values | wanted | {"external": then.external, "lease": then.lease})
        row = cursor.fetchone()
    if row is None:
        raise NotRecorded
    carries, ended, claimed = row
    return Recorded(carries, ended, claim_of(claimed) if claimed else None)
