"""Celery as this project has it: with a Task class of its own, that times each task."""

import os
import time

from celery import Celery, Task

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hall_settings")


class TimedTask(Task):
    abstract = True

    def __call__(self, *args, **kwargs):
        began = time.monotonic()
        try:
            return super().__call__(*args, **kwargs)
        finally:
            self.took = time.monotonic() - began


class AtomicTask(Task):
    """What a project writes that wants each task in a transaction."""

    abstract = True

    def __call__(self, *args, **kwargs):
        from django.db import transaction

        with transaction.atomic():
            return super().__call__(*args, **kwargs)


class RetryingTask(TimedTask):
    """What a project writes whose own tasks are tried again by Celery, and are of no use after a minute."""

    abstract = True
    autoretry_for = (Exception,)
    retry_backoff = True
    expires = 60


class HurriedTask(TimedTask):
    abstract = True
    soft_time_limit = 5


app = Celery("hall", task_cls=f"hall_celery:{os.environ.get('HALL_TASK', 'RetryingTask')}")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
