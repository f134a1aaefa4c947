"""Bare Celery canvas: the same steps as plain tasks, results in Redis, Celery's own defaults for acknowledging and prefetching.

Its connection to the database is kept open between tasks, so that what is compared is not who reconnects less.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from celery import Celery, Task
from celery.signals import worker_ready
from django.db import connection

from tests.bench.counting import count_messages_if_asked
from tests.bench.profiled import profile_if_asked
from tests.bench.shapes import INSERT, QUEUES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.bench.bare_settings")

app = Celery("bare", broker=os.environ["CELERY_BROKER_URL"], backend=os.environ["CELERY_RESULT_BACKEND"])
# Celery's fixup for Django closes the connection after so many tasks, and after each by default.
app.conf["CELERY_DB_REUSE_MAX"] = 10**9
app.conf.task_create_missing_queues = True
app.conf.broker_connection_retry_on_startup = True

steps: dict[str, Task[..., None]] = {}
"""The task of each step, by its name."""


def _make(step: str) -> None:
    def write(saga: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(INSERT, [saga, step])

    steps[step] = app.task(name=f"bare.{step}")(write)


for _step in QUEUES:
    _make(_step)

count_messages_if_asked()
profile_if_asked()


@worker_ready.connect
def _tell(**_: Any) -> None:
    if path := os.environ.get("ORDERLY_READY_FILE"):
        Path(path).touch()
