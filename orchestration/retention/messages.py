"""Removing messages that have done their work: what the outbox has sent, and events that nobody came to wait for.

Events that a saga was given go with it: without them the same event, told again, would be applied once more.
"""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from orchestration.conf import engine_settings
from orchestration.engine.database.connection import connection
from orchestration.retention.registry import Batch, Round, prunes

_SENT = """
SELECT id, created_at < %(before)s AND sent_at < %(before)s
           AND (kind = 'dispatch' OR received_at < %(before)s OR (queue <> '' AND queue <> ALL(%(subscribers)s::text[]))),
       created_at < %(before)s
  FROM orchestration_outboxmessage WHERE id > %(after)s ORDER BY id LIMIT %(most)s
"""
"""Ids grow with time, so what is old lies at the beginning of the primary key, and no index is kept for this."""

_PARKED = """
SELECT m.id FROM orchestration_inboxmessage m
 WHERE m.parked AND m.received_at < %(before)s AND m.id > %(after)s
   AND NOT EXISTS (SELECT FROM orchestration_saga s WHERE s.business_key = m.key AND s.ended_at IS NULL)
 ORDER BY m.id LIMIT %(most)s
"""


@prunes("outbox", usual="7d", what="messages that were sent, and of events those that have arrived")
def take_sent(asked: Round) -> Batch:
    """One batch of the outbox. What is unsent, or has no receipt from a queue that still gets copies, stays however old it is."""
    statement = _SENT if asked.dry_run else _SENT + "FOR UPDATE SKIP LOCKED"
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            {
                "before": asked.before,
                "after": asked.after or 0,
                "most": asked.most,
                "subscribers": list(engine_settings().SUBSCRIBERS),
            },
        )
        found = cursor.fetchall()
        going = [number for number, may_go, _ in found if may_go]
        if going and not asked.dry_run:
            cursor.execute("DELETE FROM orchestration_outboxmessage WHERE id = ANY(%s)", [going])
    # An id may be drawn earlier and its row written later, but not by a whole batch: all of these are young.
    is_done = len(found) < asked.most or not any(is_old for _, _, is_old in found)
    return Batch(removed=Counter({"messages sent": len(going)}), after=None if is_done else found[-1][0])


@prunes("parked", usual="90d", what="events that no saga came to wait for")
def take_parked(asked: Round) -> Batch:
    """One batch of parked events; one whose saga has not ended may still be waited for, and stays."""
    statement = _PARKED if asked.dry_run else _PARKED + "FOR UPDATE OF m SKIP LOCKED"
    with connection.cursor() as cursor:
        first = asked.after or UUID(int=0)
        cursor.execute(statement, {"before": asked.before, "after": first, "most": asked.most})
        going = [row[0] for row in cursor.fetchall()]
        if going and not asked.dry_run:
            cursor.execute("DELETE FROM orchestration_inboxmessage WHERE id = ANY(%s::uuid[])", [going])
    is_done = len(going) < asked.most
    return Batch(removed=Counter({"events parked": len(going)}), after=None if is_done else going[-1])
