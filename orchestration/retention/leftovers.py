"""Removing what is kept for people only, or about queues that nobody asks about any more."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.apps import apps

from orchestration.engine.database.connection import connection
from orchestration.models import DeadLetter, QueueProbe
from orchestration.retention.registry import Batch, Round, prunes

_SILENT = """
SELECT p.queue FROM orchestration_queueprobe p
 WHERE (p.proven_at < %(before)s OR (p.proven_at IS NULL
        AND p.unanswered * interval '15 seconds' > statement_timestamp() - %(before)s))
   AND NOT EXISTS (SELECT FROM orchestration_saga s WHERE s.awaits_queue = p.queue AND s.awaits_queue <> '')
 ORDER BY p.queue LIMIT %(most)s
"""
"""A queue that is gone is asked every 15 seconds for ever: nobody answers, so its age is how often it was asked."""


@prunes("dead-letters", usual="90d", what="messages set aside that have not come again")
def take_dead_letters(asked: Round) -> Batch:
    """One batch, by when each came last. By the index `dead_letter_newest`."""
    return _oldest(DeadLetter._meta.db_table, "id", "last_at", "dead letters", asked)


@prunes("probes", usual="30d", what="what is known of queues that nobody asks about any more")
def take_probes(asked: Round) -> Batch:
    """One batch. One that is needed after all is made anew by whoever asks."""
    with connection.cursor() as cursor:
        statement = _SILENT if asked.dry_run else _SILENT + "FOR UPDATE OF p SKIP LOCKED"
        cursor.execute(statement, {"before": asked.before, "most": asked.most})
        queues = [row[0] for row in cursor.fetchall()]
    if not asked.dry_run:
        QueueProbe.objects.filter(queue__in=queues).delete()
    return Batch(removed=Counter({"probes": len(queues)}))


@prunes("task-results", usual="30d", what="the mirror of failed tasks in django-celery-results")
def take_task_results(asked: Round) -> Batch:
    """One batch, where that app is installed. By its own index of `date_done`."""
    if not apps.is_installed("django_celery_results"):
        return Batch()
    table = apps.get_model("django_celery_results", "TaskResult")._meta.db_table
    return _oldest(table, "id", "date_done", "task results", asked)


def _oldest(table: str, key: str, moment: str, called: str, asked: Round) -> Batch:
    """Remove the oldest rows of a table by an indexed moment; in a dry run, count all of them at once."""
    parameters: dict[str, Any] = {"before": asked.before, "most": asked.most}
    with connection.cursor() as cursor:
        if asked.dry_run:
            cursor.execute(f"SELECT count(*) FROM {table} WHERE {moment} < %(before)s", parameters)  # noqa: S608
            return Batch(removed=Counter({called: cursor.fetchone()[0]}))
        cursor.execute(
            f"DELETE FROM {table} WHERE {key} = ANY(ARRAY(SELECT {key} FROM {table} WHERE {moment} < %(before)s"  # noqa: S608
            f" ORDER BY {moment} LIMIT %(most)s FOR UPDATE SKIP LOCKED))",
            parameters,
        )
        removed = cursor.rowcount
    return Batch(removed=Counter({called: removed}), after=True if removed == asked.most else None)
