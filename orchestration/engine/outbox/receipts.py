"""Events that were sent to our own inbox and never arrived: known by the receipt that is missing, proved lost by a probe, sent again.

A step's message that is lost costs nothing, because the step's row says what to do. An event has no row but its own: if it
dies with its worker, or with the broker, the saga that waits for it would wait to the end. One that our own worker has set
aside as a dead letter is not lost: sent again, it would only be set aside again. It stops, and a person is told.
"""

from __future__ import annotations

from orchestration.conf import engine_settings
from orchestration.engine.database.connection import connection, transaction
from orchestration.engine.messages.probes import MOST_DOUBLINGS, ask
from orchestration.engine.outbox.set_aside import close_told, tell_of

RECEIVE_EVENT = "orchestration.receive_event"
"""The task that takes our own copy of an event in."""

_UNSURE = """
unsure AS (
    SELECT id, payload, sent_at, coalesce(resent_at, created_at) AS since FROM orchestration_outboxmessage
     WHERE kind = 'event' AND queue = '' AND received_at IS NULL AND set_aside_at IS NULL
       AND sent_at < statement_timestamp() - %(patience)s * 2 ^ least(losses, %(doublings)s) * interval '1 second'
     ORDER BY sent_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
)"""
"""Events of which nothing was heard for too long, the longest first."""

_TAKE_RECEIPTS = f"""
WITH {_UNSURE}, aside AS (
    SELECT id, payload FROM orchestration_outboxmessage
     WHERE set_aside_at IS NOT NULL ORDER BY set_aside_at DESC LIMIT %(most)s FOR UPDATE SKIP LOCKED
), unheard AS (
    SELECT id, payload FROM unsure UNION ALL SELECT id, payload FROM aside
)
UPDATE orchestration_outboxmessage AS message SET received_at = inbox.received_at, set_aside_at = NULL
  FROM unheard JOIN orchestration_inboxmessage AS inbox
    ON inbox.source = unheard.payload ->> 'source' AND inbox.event_id = unheard.payload ->> 'id'
 WHERE message.id = unheard.id
RETURNING message.id, message.payload ->> 'key', message.payload ->> 'type', message.id IN (SELECT id FROM aside)
"""  # noqa: S608 - of our own constants
"""Another copy of what was set aside may have arrived all the same: the inbox has the last word."""

_TAKE_VERDICTS = f"""
WITH {_UNSURE}
UPDATE orchestration_outboxmessage AS message
   SET set_aside_at = letter.last_at, last_error = 'set aside: ' || letter.reason || '. ' || letter.detail
  FROM unsure JOIN orchestration_deadletter AS letter
    ON letter.event = encode(sha256(convert_to(
           (unsure.payload ->> 'source') || chr(31) || (unsure.payload ->> 'id'), 'UTF8')), 'hex')
   AND letter.task = %(task)s AND letter.last_at > unsure.since
 WHERE message.id = unsure.id
RETURNING message.id, message.payload ->> 'key', message.payload ->> 'type', message.last_error
"""  # noqa: S608 - of our own constants

_SEND_AGAIN = f"""
WITH {_UNSURE}, again AS (
    UPDATE orchestration_outboxmessage AS message
       SET sent_at = NULL, claimed_until = NULL, losses = message.losses + 1,
           last_error = 'it was sent, and has not arrived'
      FROM unsure JOIN orchestration_queueprobe AS probe
        ON probe.queue = %(queue)s AND probe.proven_at > unsure.sent_at
     WHERE message.id = unsure.id
    RETURNING message.id
)
SELECT (SELECT count(*) FROM unsure), (SELECT count(*) FROM again)
"""  # noqa: S608 - of our own constants


def put_back_lost_events() -> int:
    """Make events due again that were sent and are lost; the next drain sends them. Part of every sweep.

    Opens a short transaction. An event is lost when a probe that was sent after it has come through the queue of the
    engine, and neither the inbox has it nor a dead letter of ours tells of it. Repeated ever more slowly: a receiver
    that fails each time is not flooded. One that was set aside stays so, with an incident at each saga that waits for it.

    Returns:
        How many were put back.

    Raises:
        SendFailed: the broker took no probe.
    """
    settings = engine_settings()
    facts: dict[str, str | float] = {
        "patience": settings.RESEND_AFTER_SECONDS,
        "doublings": MOST_DOUBLINGS,
        "most": settings.SWEEP_BATCH,
        "queue": settings.QUEUE,
        "task": RECEIVE_EVENT,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_TAKE_RECEIPTS, facts)
        for _, key, event, was_aside in cursor.fetchall():
            if was_aside:
                close_told(key=key, event=event, by="engine", resolution="The event has come.")
        cursor.execute(_TAKE_VERDICTS, facts)
        for number, key, event, told in cursor.fetchall():
            tell_of(number, key=key, event=event, told=told)
        cursor.execute(_SEND_AGAIN, facts)
        unsure, again = cursor.fetchone()
    if unsure > again:
        ask(settings.QUEUE)
    return int(again)
