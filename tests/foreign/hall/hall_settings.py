"""Settings of another stranger, written by hand as Django's documentation does: psycopg 3 with its pool, a replica, local time."""

import json
import os
from urllib.parse import urlsplit

SERVER = urlsplit(os.environ["HALL_DATABASE"])

SECRET_KEY = "a test's"
ALLOWED_HOSTS = ["testserver"]
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "orchestration",
    "people",
    "bookings",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
ROOT_URLCONF = "hall_urls"
STATIC_URL = "static/"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": SERVER.path.lstrip("/"),
        "USER": SERVER.username,
        "PASSWORD": SERVER.password,
        "HOST": SERVER.hostname,
        "PORT": SERVER.port,
        "OPTIONS": {"pool": {"min_size": 1, "max_size": 4}},
    },
    # A replica that has the tables and lags for ever: whoever reads the engine's rows from it finds none.
    "replica": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": f"{SERVER.path.lstrip('/')}_replica",
        "USER": SERVER.username,
        "PASSWORD": SERVER.password,
        "HOST": SERVER.hostname,
        "PORT": SERVER.port,
    },
}
DATABASE_ROUTERS = ["hall_routers.ReplicaRouter"]
AUTH_USER_MODEL = "people.Person"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = False
TIME_ZONE = "Asia/Kathmandu"  # neither the server's zone nor whole hours from it
CELERY_BROKER_URL = os.environ["HALL_BROKER"]
CELERY_RESULT_BACKEND = os.environ["HALL_RESULTS"]
# Its own tasks take what JSON cannot say; the engine's messages are JSON all the same.
CELERY_TASK_SERIALIZER = "pickle"
CELERY_ACCEPT_CONTENT = ["json", "pickle"]
CELERY_TASK_DEFAULT_QUEUE = "hall-engine"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
ORCHESTRATION = {"HEARTBEAT_SECONDS": 0.5, "QUEUE": "hall-engine"}

if "HALL_SENTRY" in os.environ:
    import hall_sentry

    hall_sentry.start(os.environ["HALL_SENTRY"])

# What a test makes wrong, one thing at a time.
globals().update(json.loads(os.environ.get("HALL_SETTINGS", "{}")))
