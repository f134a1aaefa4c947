"""Telling a lost message from one that still lies in a long queue, by sending a probe through the same queue.

A queue gives its messages out in order. A probe that has arrived proves that what was sent before it has arrived or is
lost; until then nothing is sent again, so a queue of any length is never doubled. One probe a queue is under way at a
time, however many sagas ask; an unanswered one is repeated ever more slowly, because it may be lost itself.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime

from django.db.models.functions import Now

from orchestration.engine.database.connection import connection
from orchestration.engine.messages.transport import transport
from orchestration.engine.messages.untaken import SILENT_PROBES, close_untaken, tell_of_untaken
from orchestration.models import QueueProbe, Saga

logger = logging.getLogger(__name__)

MOST_DOUBLINGS = 2
"""The wait before a message is thought lost doubles with each loss, and no more than so often: a probe has proved each, so
there is no queue to be spared, and whatever is lost how often is sent again within a minute."""

_ASK = """
INSERT INTO orchestration_queueprobe AS probe (queue, asked_at, unanswered)
VALUES (%s, statement_timestamp(), 1)
ON CONFLICT (queue) DO UPDATE SET asked_at = excluded.asked_at, unanswered = probe.unanswered + 1,
       proven_at = CASE WHEN probe.proven_at <= excluded.asked_at THEN probe.proven_at END
 WHERE probe.unanswered = 0
    OR probe.asked_at < statement_timestamp() - least(15, 2 ^ least(probe.unanswered, 4)) * interval '1 second'
RETURNING asked_at
"""
"""Unanswered probes are repeated after 2, 4, 8 and then every 15 seconds. A proof from the future, from before the database's clock
was set back, is forgotten: it would call lost what was only just sent."""

_ANSWER = """
UPDATE orchestration_queueprobe SET proven_at = greatest(proven_at, %(asked)s),
       unanswered = CASE WHEN asked_at = %(asked)s THEN 0 ELSE unanswered END
 WHERE queue = %(queue)s AND asked_at >= %(asked)s
"""


def proven(queues: Iterable[str]) -> dict[str, datetime]:
    """For each queue, the moment before which every message has arrived or is lost. One query."""
    known = QueueProbe.objects.filter(queue__in=set(queues), proven_at__isnull=False)
    return {queue: moment for queue, moment in known.values_list("queue", "proven_at") if moment is not None}


def ask(queue: str) -> bool:
    """Send a probe through a queue unless one is under way. Call it with no transaction open.

    Raises:
        SendFailed: the broker did not take it; it is asked again later.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ASK, [queue])
        row = cursor.fetchone()
    if row is None:
        return False
    transport().send_probe(queue, row[0].isoformat())
    return True


def ask_again() -> None:
    """Repeat the probes that have been under way for long. Part of every sweep; one query when all are answered.

    Queues that have been silent for about two minutes, and that no worker says it takes, are put before a person.

    Raises:
        SendFailed: the broker did not take one.
    """
    unanswered = dict(QueueProbe.objects.filter(unanswered__gt=0).values_list("queue", "unanswered"))
    for queue in unanswered:
        ask(queue)
    tell_of_untaken(queue for queue, probes in unanswered.items() if probes >= SILENT_PROBES)


def answer(queue: str, asked_at: str) -> None:
    """A probe has arrived: note the proof, and wake the sagas for which it is one. Idempotent; an older probe proves less.

    Those that began to wait after it was sent go on waiting, for the next one: in a queue of many thousand messages each
    answer would otherwise have all of them looked at. While the newest probe is under way no other is sent.

    Raises:
        SendFailed: the broker did not take the next one; the sweep asks again.
    """
    moment = datetime.fromisoformat(asked_at)
    with connection.cursor() as cursor:
        cursor.execute(_ANSWER, {"queue": queue, "asked": moment})
    close_untaken(queue)
    waiting = Saga.objects.filter(awaits_queue=queue, wake_at__isnull=False)
    waiting.filter(updated_at__lt=moment).update(awaits_queue="", wake_at=Now())
    if waiting.exists():
        ask(queue)
