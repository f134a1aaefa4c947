"""Settings of somebody else's project: its own Celery app, and of ours only `orchestration`."""

import os
from urllib.parse import unquote, urlsplit

from orchestration.settings import celery_settings

SERVER = urlsplit(os.environ["TOURS_DATABASE"])

SECRET_KEY = "a test's"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    *filter(None, os.environ.get("TOURS_APPS", "").split(",")),
    "orchestration",
    "tours",
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": SERVER.path.lstrip("/"),
        "USER": unquote(SERVER.username or ""),
        "PASSWORD": unquote(SERVER.password or ""),
        "HOST": SERVER.hostname,
        "PORT": SERVER.port,
        "DISABLE_SERVER_SIDE_CURSORS": bool(os.environ.get("TOURS_POOLED")),
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
globals().update(celery_settings(broker=os.environ["TOURS_BROKER"], results=os.environ["TOURS_RESULTS"]))
CELERY_TASK_DEFAULT_QUEUE = "tours-engine"
ORCHESTRATION = {"HEARTBEAT_SECONDS": 0.5, "QUEUE": "tours-engine"}
