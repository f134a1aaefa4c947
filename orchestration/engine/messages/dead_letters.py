"""Setting aside what cannot be taken in, so that it is neither lost nor delivered for ever. The worker goes on."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from typing import Any

from orchestration.engine.database.connection import connection
from orchestration.engine.messages.excerpts import excerpt, harmless_name

logger = logging.getLogger(__name__)

_SET_ASIDE = """
INSERT INTO orchestration_deadletter AS letter (queue, task, reason, detail, size, excerpt, sha256, event, last_at)
VALUES (%(queue)s, %(task)s, %(reason)s, %(detail)s, %(size)s, %(excerpt)s, %(sha256)s, %(event)s, statement_timestamp())
ON CONFLICT (queue, reason, sha256) DO UPDATE
   SET times = letter.times + 1, last_at = statement_timestamp(), detail = excluded.detail, event = excluded.event
RETURNING id, times
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What is kept of a message: never its body."""

    queue: str
    task: str
    reason: str
    detail: str
    size: int
    excerpt: str
    sha256: str
    event: str


def letter_of(
    *,
    queue: object,
    task: object,
    reason: str,
    detail: str,
    body: Any,
    event: tuple[object, object] = ("", ""),
) -> Letter:
    """Describe a message that cannot be taken in.

    Args:
        queue: where it lay.
        task: as it names it.
        reason: one of DeadLetter.REASONS.
        detail: what exactly is wrong; no values.
        body: bytes or text as they came, or anything JSON can say.
        event: source and id of the event it carries, as far as it says so.
    """
    if not isinstance(body, bytes | bytearray | memoryview | str):
        body = json.dumps(body, default=str, sort_keys=True)
    raw = body.encode(errors="replace") if isinstance(body, str) else bytes(body)
    return Letter(
        queue=harmless_name(queue) or "?",
        task=harmless_name(task),
        reason=reason,
        detail=detail.replace("\0", "")[:300],
        size=len(raw),
        excerpt=excerpt(raw),
        sha256=hashlib.sha256(raw).hexdigest(),
        event=_digest(*event),
    )


def _digest(source: object, event_id: object) -> str:
    """Names an event without showing what a stranger has put into its name; empty for none."""
    if not (isinstance(source, str) and isinstance(event_id, str) and source and event_id):
        return ""
    return hashlib.sha256(f"{source}\x1f{event_id}".encode(errors="replace")).hexdigest()


def set_aside(letter: Letter) -> int:
    """Store a letter, or count it once more. One statement; returns how often it has come by now."""
    with connection.cursor() as cursor:
        cursor.execute(_SET_ASIDE, {name: getattr(letter, name) for name in Letter.__slots__})
        number, times = cursor.fetchone()
    logger.error(
        "set aside: %s on queue %s (%s); dead letter %s, seen %s times",
        letter.task or "a message",
        letter.queue,
        letter.reason,
        number,
        times,
    )
    return int(times)
