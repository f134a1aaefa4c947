"""Writing a new saga: the row, the first entry of its history and the message that it exists, in one statement."""

from __future__ import annotations

import json

from orchestration.conf import engine_settings
from orchestration.engine.database.connection import connection
from orchestration.engine.database.prepared import Statement
from orchestration.models import Saga

_BEGIN = Statement(
    "begin",
    """
WITH saga AS (
    INSERT INTO orchestration_saga
           (id, definition, version, fingerprint, state, paused, epoch, milestone, business_key, reference, input, rescues,
            trace_id, product_line, partition_key, last_seq, wake_at, deadline)
    VALUES (%(id)s, %(definition)s, %(version)s, %(fingerprint)s, 'accepted', false, 1, '', %(business_key)s, %(reference)s,
            %(input)s, 0, %(trace_id)s, %(product_line)s, %(partition_key)s, 1,
            statement_timestamp() + %(resend)s * interval '1 second',
            statement_timestamp() + %(deadline)s * interval '1 second')
    ON CONFLICT (business_key, definition) DO NOTHING
    RETURNING id, created_at, updated_at, wake_at, deadline
), noted AS (
    INSERT INTO orchestration_sagaevent (saga_id, seq, kind, before, after, step, direction, who, data)
    SELECT id, 1, 'started', '', 'accepted', '', '', 'engine', %(data)s FROM saga
), told AS (
    INSERT INTO orchestration_outboxmessage (kind, saga_id, payload) SELECT 'dispatch', id, '{}' FROM saga
)
SELECT created_at, updated_at, wake_at, deadline FROM saga
""",
    id="uuid",
    definition="text",
    version="int",
    fingerprint="text",
    business_key="text",
    reference="text",
    input="jsonb",
    trace_id="text",
    product_line="text",
    partition_key="text",
    resend="float8",
    deadline="float8",
    data="jsonb",
)


def begin(saga: Saga, *, deadline: float | None) -> Saga | None:
    """Write a saga that nobody has written yet. Must be inside the caller's transaction.

    Args:
        saga: unsaved.
        deadline: seconds from now, if it has one.

    Returns:
        The same, with its times; None when its definition already has a saga of that business key.
    """
    with connection.cursor() as cursor:
        _BEGIN.run(
            cursor,
            {
                "id": saga.id,
                "definition": saga.definition,
                "version": saga.version,
                "fingerprint": saga.fingerprint,
                "business_key": saga.business_key,
                "reference": saga.reference,
                "input": json.dumps(saga.input),
                "trace_id": saga.trace_id,
                "product_line": saga.product_line,
                "partition_key": saga.partition_key,
                "resend": engine_settings().RESEND_AFTER_SECONDS,
                "deadline": deadline,
                "data": json.dumps({"definition": f"{saga.definition}@{saga.version}"}),
            },
        )
        row = cursor.fetchone()
    if row is None:
        return None
    saga.created_at, saga.updated_at, saga.wake_at, saga.deadline = row
    saga._state.adding, saga._state.db = False, connection.alias
    return saga
