"""Removing sagas that have ended, each with its steps, history, incidents and the events that it was given.

A saga is locked, then looked at again, then removed, in one transaction: nothing can begin in it in between. It is kept,
however old, while anything about it is unfinished.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any
from uuid import UUID

from orchestration.core.planning.states import TERMINAL, SagaState
from orchestration.engine.database.connection import connection
from orchestration.invariants.asking import facts
from orchestration.retention.registry import Batch, Round, Take, prunes

_USUAL = {
    SagaState.COMPLETED: "90d",
    SagaState.COMPENSATED: "180d",
    SagaState.CANCELLED: "180d",
    SagaState.FAILED: "never",
}
"""By how they ended. What went wrong is asked about for longer than what went well."""

_LOOK = """
SELECT id, created_at FROM orchestration_saga
 WHERE state = %(state)s AND created_at < %(before)s
   AND (created_at, id) > (%(created_at)s::timestamptz, %(id)s::uuid)
 ORDER BY created_at, id LIMIT %(most)s
"""
"""Nothing ends before it has begun, so what began too late is never read. By the index `saga_by_state`."""

_WHY_KEPT = """
WITH facts (definition, version, step) AS (
    SELECT f.definition, f.version, f.step
      FROM unnest(%(definition)s::text[], %(version)s::int[], %(step)s::text[], %(has_undo)s::bool[])
           AS f (definition, version, step, has_undo)
     WHERE f.has_undo
), unsent AS (
    SELECT saga_id, payload ->> 'key' AS key FROM orchestration_outboxmessage WHERE sent_at IS NULL
     UNION ALL
    SELECT saga_id, payload ->> 'key' FROM orchestration_outboxmessage
     WHERE kind = 'event' AND received_at IS NULL AND sent_at IS NOT NULL AND set_aside_at IS NULL
     UNION ALL
    SELECT saga_id, payload ->> 'key' FROM orchestration_outboxmessage WHERE set_aside_at IS NOT NULL
), rows AS (
    SELECT DISTINCT ON (saga_id, name, direction) saga_id, name, direction, state, task, unsure, late
      FROM orchestration_sagastep WHERE saga_id = ANY(%(ids)s::uuid[])
     ORDER BY saga_id, name, direction, generation DESC
), undone AS (
    SELECT saga_id, name FROM rows WHERE direction = 'undo' AND state IN ('done', 'not_needed')
)
SELECT s.id, s.business_key, CASE
       WHEN s.ended_at IS NULL OR s.ended_at >= %(before)s THEN 'too young'
       WHEN s.wake_at IS NOT NULL THEN 'something is still to be done'
       WHEN EXISTS (SELECT FROM orchestration_incident i WHERE i.saga_id = s.id AND i.resolved_at IS NULL)
            THEN 'an incident is open'
       WHEN s.id IN (SELECT saga_id FROM unsent WHERE saga_id IS NOT NULL)
            OR s.business_key IN (SELECT key FROM unsent WHERE key IS NOT NULL) THEN 'a message is unsent'
       WHEN EXISTS (SELECT FROM rows r WHERE r.saga_id = s.id
                       AND (r.state IN ('running', 'unknown') OR (r.unsure AND r.task <> '')
                            OR (r.direction = 'undo' AND r.state NOT IN ('done', 'not_needed'))
                            OR (r.direction = 'forward' AND r.state = 'done'
                                AND (r.late OR (s.state <> 'completed' AND (s.definition, s.version, r.name) IN
                                                (SELECT definition, version, step FROM facts)))
                                AND (r.saga_id, r.name) NOT IN (SELECT saga_id, name FROM undone))))
            THEN 'an effect is not undone'
       END
  FROM orchestration_saga s WHERE s.id = ANY(%(ids)s::uuid[])
"""

_ALL_OF_THEM = {
    # The sagas first: an entry of a history may go only when its saga is gone.
    "sagas": "orchestration_saga WHERE id = ANY(%(ids)s::uuid[])",
    "history": "orchestration_sagaevent WHERE saga_id = ANY(%(ids)s::uuid[])",
    "steps": "orchestration_sagastep WHERE saga_id = ANY(%(ids)s::uuid[])",
    "incidents": "orchestration_incident WHERE saga_id = ANY(%(ids)s::uuid[])",
    "deliveries of events": "orchestration_inboxdelivery WHERE saga_id = ANY(%(ids)s::uuid[])",
    # One that another saga has had stays until that one goes.
    "events": """orchestration_inboxmessage AS m WHERE key = ANY(%(keys)s) AND NOT parked AND NOT EXISTS (
        SELECT FROM orchestration_inboxdelivery d WHERE d.message_id = m.id AND d.saga_id <> ALL(%(ids)s::uuid[]))""",
}


def _remover(state: SagaState) -> Take:
    def take(asked: Round) -> Batch:
        """One batch of sagas of this ending. Must be inside a transaction; locks what it removes, waits for nobody."""
        found = _look(state, asked)
        if not found:
            return Batch()
        going, kept = _judge([saga_id for saga_id, _ in found], asked)
        removed = _remove(going, dry_run=asked.dry_run) if going else Counter[str]()
        last_id, last_created = found[-1]
        return Batch(
            removed=removed, kept=kept, after=(last_created, last_id) if len(found) == asked.most else None
        )

    return take


def _look(state: SagaState, asked: Round) -> list[tuple[UUID, datetime]]:
    created_at, last_id = asked.after or ("-infinity", UUID(int=0))
    with connection.cursor() as cursor:
        cursor.execute(
            # Whoever holds one of them is at work on it: it is left for the next run.
            _LOOK if asked.dry_run else _LOOK + "FOR UPDATE SKIP LOCKED",
            {
                "state": state.value,
                "before": asked.before,
                "created_at": created_at,
                "id": last_id,
                "most": asked.most,
            },
        )
        return list(cursor.fetchall())


def _judge(ids: list[UUID], asked: Round) -> tuple[dict[UUID, str], Counter[str]]:
    """Ids and business keys of those that may go, and why how many others may not."""
    parameters: dict[str, Any] = {**facts(), "ids": ids, "before": asked.before}
    with connection.cursor() as cursor:
        cursor.execute(_WHY_KEPT, parameters)
        found = cursor.fetchall()
    going = {saga_id: key for saga_id, key, why in found if why is None}
    return going, Counter(why for _, _, why in found if why is not None and why != "too young")


def _remove(going: dict[UUID, str], *, dry_run: bool) -> Counter[str]:
    parameters: dict[str, Any] = {"ids": list(going), "keys": list(going.values())}
    removed: Counter[str] = Counter()
    with connection.cursor() as cursor:
        if not dry_run:
            # For this transaction only, and only for entries whose saga is gone: see migration 0009.
            cursor.execute("SET LOCAL orchestration.pruning = 'on'")
        for kind, rows in _ALL_OF_THEM.items():
            if dry_run:
                cursor.execute(f"SELECT count(*) FROM {rows}", parameters)  # noqa: S608 - from our own constants
                removed[kind] = cursor.fetchone()[0]
            else:
                cursor.execute(f"DELETE FROM {rows}", parameters)  # noqa: S608 - from our own constants
                removed[kind] = cursor.rowcount
        if not dry_run:
            cursor.execute("SET LOCAL orchestration.pruning = 'off'")
    return removed


for _state in sorted(TERMINAL, key=list(SagaState).index):
    prunes(
        _state.value, usual=_USUAL[_state], what=f"sagas that ended {_state.value}, with all that is theirs"
    )(_remover(_state))
