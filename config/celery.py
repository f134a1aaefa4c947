"""The Celery application, `orderly`; every process that sets Django up has it as the current app (see `config.apps`)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import worker_ready

from config import log_lines, remote_control  # noqa: F401 - for their signal handlers
from orchestration import redis_transport

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("orderly")
app.config_from_object("django.conf:settings", namespace="CELERY")
redis_transport.install(app)
app.autodiscover_tasks()


@worker_ready.connect
def tell_supervisor(**_: Any) -> None:
    """Touch the file a supervisor named: this worker takes messages now."""
    if path := os.environ.get("ORDERLY_READY_FILE"):
        Path(path).touch()
