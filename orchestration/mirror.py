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

logger = logging.getLogger(__name__)


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
    try:
        results.objects.store_result(
            content_type="application/json",
            content_encoding="utf-8",
            task_id=task_id,
            result=json.dumps(
                {"error": type(exception).__name__, "message": without_row_values(str(exception))}
            ),
            status=states.FAILURE,
            traceback=without_row_values(str(einfo.traceback)) if einfo is not None else None,
            task_name=sender.name,
            task_kwargs=json.dumps(kwargs, default=str),
        )
    except DatabaseError as error:
        logger.warning("task %s: its failure could not be mirrored: %s", task_id, error)
