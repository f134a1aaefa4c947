"""The copies of events for other queues: each is a row of its own, and is sent again until its receiver has acknowledged it.

The acknowledgement is the callback of the message, so Celery's worker sends it when the subscriber's task has succeeded, and the
subscriber writes nothing for it. There is no probe for a queue that is not ours: what lies in a long one is doubled, ever more
rarely. Receivers take each event once by (source, id).
"""

from __future__ import annotations

from typing import Any

from django.db.models.functions import Now

from orchestration.conf import engine_settings
from orchestration.engine.database.connection import connection
from orchestration.engine.messages.seals import is_receipt, receipt_seal
from orchestration.models import OutboxMessage

FIRST_PATIENCE_SECONDS = 60.0
MOST_DOUBLINGS = 6
"""After a minute, two, four … and then each hour or so: a subscriber that has been down for a week gets each event within an hour."""

_SEND_AGAIN = """
WITH unheard AS (
    SELECT id FROM orchestration_outboxmessage
     WHERE kind = 'event' AND received_at IS NULL AND set_aside_at IS NULL AND queue = ANY(%(queues)s)
       AND sent_at < statement_timestamp() - %(patience)s * 2 ^ least(losses, %(doublings)s) * interval '1 second'
     ORDER BY sent_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
UPDATE orchestration_outboxmessage AS message
   SET sent_at = NULL, claimed_until = NULL, losses = message.losses + 1,
       last_error = message.queue || ' has not acknowledged it'
  FROM unheard WHERE message.id = unheard.id
"""


def receipt_of(message: OutboxMessage) -> dict[str, Any]:
    """Return what the receiver of a copy answers: the arguments of `orchestration.acknowledge_event`."""
    source, event_id = message.payload["source"], message.payload["id"]
    return {
        "message": message.id,
        "queue": message.queue,
        "seal": receipt_seal(source, event_id, message.queue),
    }


def acknowledge(message_id: int, queue: str, seal: str) -> bool:
    """Note that a subscriber has received its copy. Idempotent. False where there is no such copy, or the seal is not its own."""
    message = OutboxMessage.objects.filter(id=message_id, kind="event", queue=queue).exclude(queue="").first()
    if message is None or not is_receipt(seal, message.payload["source"], message.payload["id"], queue):
        return False
    OutboxMessage.objects.filter(id=message_id, received_at=None).update(received_at=Now(), set_aside_at=None)
    return True


def put_back_unheard_copies() -> int:
    """Make copies due again that nobody has acknowledged. Part of every sweep; no statement where there are no subscribers."""
    settings = engine_settings()
    if not settings.SUBSCRIBERS:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            _SEND_AGAIN,
            {
                "queues": list(settings.SUBSCRIBERS),
                "patience": FIRST_PATIENCE_SECONDS,
                "doublings": MOST_DOUBLINGS,
                "most": settings.SWEEP_BATCH,
            },
        )
        return int(cursor.rowcount)
