"""Settings every environment shares; safe by default (no debug pages, no default secret, loopback hosts only).

Addresses and secrets come from the environment, which `manage.py` fills. Celery's settings are in `messaging`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dj_database_url

from config.settings.environment import flag, pairs, required, whole_number, words
from config.settings.messaging import *  # noqa: F403

BASE_DIR = Path(__file__).resolve().parent.parent.parent
DATA_DIR = Path(required("ORDERLY_DATA_DIR", "the folder of this system's ledgers and mail"))

SECRET_KEY = required("SECRET_KEY", "signs sessions and tokens")
DEBUG = flag("ORDERLY_DEBUG")
ALLOWED_HOSTS = words("ORDERLY_ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = words("ORDERLY_TRUSTED_ORIGINS", [])

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_celery_results",
    "django_htmx",
    "config.apps.WiringConfig",
    "orchestration",
    "orders",
    "payments",
    "shipping",
    "notifications",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {
    "default": dj_database_url.parse(
        required("DATABASE_URL", "postgres://user:password@host:port/name"),
        conn_max_age=whole_number("ORDERLY_CONN_MAX_AGE", 60),
        conn_health_checks=True,
    ),
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("MinimumLengthValidator", "CommonPasswordValidator", "NumericPasswordValidator")
]
LOGIN_URL = "admin:login"
# Two systems side by side on one host share its cookies: by its own names, signing in to one does not sign out of the other.
SESSION_COOKIE_NAME = f"orderly_session_{whole_number('ORDERLY_PORT', 8000)}"
CSRF_COOKIE_NAME = f"orderly_csrf_{whole_number('ORDERLY_PORT', 8000)}"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
WHITENOISE_USE_FINDERS = True

EMAIL_BACKEND = "notifications.backends.EmlFileBackend"
EMAIL_FILE_PATH = required("ORDERLY_MAIL_DIR", "where sent mail is kept as files")
DEFAULT_FROM_EMAIL = "Orderly <orders@orderly.example>"

# Who may call the API by name, and whether one may order without a name.
ORDERLY_API_TOKENS = pairs("ORDERLY_API_TOKENS")
ORDERLY_API_ANONYMOUS = flag("ORDERLY_API_ANONYMOUS", default=True)
# Apps meet at contracts only; here is who takes the stock that comes with the catalog.
ORDERLY_STOCK_INTAKE = "shipping.stock.take_in"

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {"django.server": {"handlers": ["console"], "level": "WARNING", "propagate": False}},
}

UNFOLD: dict[str, Any] = {"SITE_TITLE": "Orderly", "SITE_HEADER": "Orderly", "SHOW_VIEW_ON_SITE": True}
