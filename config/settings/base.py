"""Settings every environment shares; safe by default (no debug pages, no default secret, loopback hosts only).

Addresses and secrets come from the environment, which `manage.py` fills. Celery's settings are in `messaging`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from config.settings.admin import UNFOLD as UNFOLD
from config.settings.database import databases
from config.settings.environment import flag, numbers, pairs, required, words
from config.settings.messaging import *  # noqa: F403
from config.settings.security import *  # noqa: F403

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
    "csp",
    "ninja",
    "config.apps.WiringConfig",
    "orchestration",
    "orders",
    "payments",
    "shipping",
    "notifications",
]

MIDDLEWARE = [
    "config.security.client_address.TrustedProxies",
    "config.security.headers.Headers",
    "config.security.content_policy.AreaPolicy",
    "django.middleware.security.SecurityMiddleware",
    # Before the files: those that are packed already it leaves alone.
    "django.middleware.gzip.GZipMiddleware",
    "config.security.refusals.Refusals",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.security.sessions.StaffSessions",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # Before the theme's own, so that a few of its templates can be replaced.
        "DIRS": [BASE_DIR / "config" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "orders.storefront.context.shop",
            ],
        },
    },
]

DATABASES = databases()
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("MinimumLengthValidator", "CommonPasswordValidator", "NumericPasswordValidator")
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
FORMAT_MODULE_PATH = ["config.formats"]

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
WHITENOISE_USE_FINDERS = True

EMAIL_BACKEND = "notifications.backends.EmlFileBackend"
EMAIL_FILE_PATH = required("ORDERLY_MAIL_DIR", "where sent mail is kept as files")
DEFAULT_FROM_EMAIL = "Orderly <orders@orderly.example>"

# Who may call the API by name, and whether one may order without a name.
ORDERLY_API_TOKENS = pairs("ORDERLY_API_TOKENS")
ORDERLY_API_ANONYMOUS = flag("ORDERLY_API_ANONYMOUS", default=True)
# The demo corner and the footer's links behind the scenes.
ORDERLY_DEMO = flag("ORDERLY_DEMO", default=True)
ORDERLY_FLOWER_URL = os.environ.get("ORDERLY_FLOWER_URL", "")
# Whether anybody may read the API's documentation, or staff only.
ORDERLY_API_DOCS_PUBLIC = flag("ORDERLY_API_DOCS_PUBLIC", default=True)
# Chord counters and the counts of requests may share a server: their keys have prefixes.
ORDERLY_LIMITS_URL = os.environ.get("ORDERLY_LIMITS_URL") or CELERY_RESULT_BACKEND
# Apps meet at contracts only; here is who takes the stock that comes with the catalog.
ORDERLY_STOCK_INTAKE = "shipping.stock.take_in"
# Who tells the shop window how many units are free, and which test cards there are to choose from.
ORDERLY_STOCK_LEVELS = "shipping.stock.available"
ORDERLY_TEST_CARDS = "payments.cards.CARDS"
# What the warehouse, which knows numbers, calls a product.
ORDERLY_PRODUCT_NAMES = "orders.services.naming.product_names"
# What the demo corner's buttons do.
ORDERLY_RESTOCK = "shipping.restocking.restock_products"
ORDERLY_DEMO_KILL_WORKER = "config.system.demo.kill_a_worker"

ORCHESTRATION: dict[str, Any] = {
    # What the engine's admin pages know of orders: nothing, but whom to ask.
    "ADMIN_SEARCH": "config.admin.business_keys.meant_by",
    "ADMIN_LINKS": "config.admin.links.of_order",
    "FLOWER_URL": ORDERLY_FLOWER_URL,
    # The engine's own defaults suit work; a system that is watched being killed wants shorter ones.
    **numbers(
        {
            "LEASE_SECONDS": "ORDERLY_LEASE_SECONDS",
            "RESEND_AFTER_SECONDS": "ORDERLY_RESEND_AFTER_SECONDS",
            "HEARTBEAT_SECONDS": "ORDERLY_HEARTBEAT_SECONDS",
            "RUN_AHEAD_SECONDS": "ORDERLY_RUN_AHEAD",
        }
    ),
}

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "config.log_lines.Line", "format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {"django.server": {"handlers": ["console"], "level": "WARNING", "propagate": False}},
}
