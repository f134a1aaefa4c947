"""Settings of somebody else's project: its own Celery app, and of ours only `orchestration`."""

import os

import dj_database_url

SECRET_KEY = "a test's"
INSTALLED_APPS = ["django.contrib.contenttypes", "orchestration", "tours"]
DATABASES = {
    "default": dj_database_url.parse(
        os.environ["TOURS_DATABASE"], disable_server_side_cursors=bool(os.environ.get("TOURS_POOLED"))
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
CELERY_BROKER_URL = os.environ["TOURS_BROKER"]
CELERY_RESULT_BACKEND = os.environ["TOURS_RESULTS"]
CELERY_TASK_DEFAULT_QUEUE = "tours-engine"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
ORCHESTRATION = {"HEARTBEAT_SECONDS": 0.5, "QUEUE": "tours-engine"}
