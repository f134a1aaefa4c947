"""People's mirror of failed tasks in django-celery-results, where it is installed. The engine never reads it."""

from __future__ import annotations

import json
import logging
from typing import Any

from celery import states
from celery.signals import task_failure
from django.apps import apps
from django.db import Error as DatabaseError

from orchestration.core.row_values import without_row_values
from orchestration.core.storable import storable_data, storable_text

logger = logging.getLogger(__name__)

_LONGEST = 50_000
"""Characters of a traceback, of an error's message, and bytes of the arguments: enough for people, and a row stays one."""
_LONGEST_NAME = 255
"""What the columns of the id and of the task's name hold."""


@task_failure.connect
def keep_failure(
    sender: Any = None,
    task_id: str = "",
    exception: BaseException | None = None,
    kwargs: Any = None,
    einfo: Any = None,
    **_: Any,
) -> None:
    """Store one failed task, so that it can be found in the admin beside its saga."""
    if not apps.is_installed("django_celery_results") or sender is None:
        return
    results = apps.get_model("django_celery_results", "TaskResult")
    message = without_row_values(storable_text(exception, _LONGEST))
    traceback = without_row_values(str(einfo.traceback)) if einfo is not None else None
    try:
        results.objects.store_result(
            content_type="application/json",
            content_encoding="utf-8",
            task_id=storable_text(task_id, _LONGEST_NAME),
            result=json.dumps({"error": type(exception).__name__, "message": message}),
            status=states.FAILURE,
            traceback=storable_text(traceback, _LONGEST) if traceback is not None else None,
            task_name=storable_text(sender.name, _LONGEST_NAME),
            task_kwargs=json.dumps(storable_data(kwargs or {}, _LONGEST)),
        )
    except DatabaseError as error:
        logger.warning("task %s: its failure could not be mirrored: %s", task_id, error)
