"""Settings behind a TLS-terminating proxy (`ORDERLY_ENV=production`): cookies only over TLS, hosts named, mail really sent."""

from __future__ import annotations

import os

from config.settings.base import *  # noqa: F403
from config.settings.environment import flag, required, whole_number, words

DEBUG = False
ALLOWED_HOSTS = [
    host for host in required("ORDERLY_ALLOWED_HOSTS", "host names, comma-separated").split(",") if host
]
CSRF_TRUSTED_ORIGINS = words("ORDERLY_TRUSTED_ORIGINS", [f"https://{host}" for host in ALLOWED_HOSTS])

ORDERLY_API_ANONYMOUS = flag("ORDERLY_API_ANONYMOUS")

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
SECURE_HSTS_SECONDS = whole_number("ORDERLY_HSTS_SECONDS", 3600)
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True

# Names with a hash of the content, made by `manage.py collectstatic`: browsers may keep them for ever.
WHITENOISE_USE_FINDERS = False
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

if os.environ.get("ORDERLY_SMTP_HOST"):
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST = os.environ["ORDERLY_SMTP_HOST"]
    EMAIL_PORT = whole_number("ORDERLY_SMTP_PORT", 587)
    EMAIL_HOST_USER = os.environ.get("ORDERLY_SMTP_USER", "")
    EMAIL_HOST_PASSWORD = os.environ.get("ORDERLY_SMTP_PASSWORD", "")
    EMAIL_USE_TLS = not flag("ORDERLY_SMTP_PLAIN")
    EMAIL_TIMEOUT = 10
