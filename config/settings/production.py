"""Settings behind a TLS-terminating proxy (`ORDERLY_ENV=production`): cookies only over TLS, hosts named, mail really sent."""

from __future__ import annotations

import os

from config.security.client_address import read_proxies
from config.settings.base import *  # noqa: F403
from config.settings.checking import strong_secret_key
from config.settings.environment import flag, required, whole_number, words

DEBUG = False
required("ORDERLY_ALLOWED_HOSTS", "host names, comma-separated")
ALLOWED_HOSTS = words("ORDERLY_ALLOWED_HOSTS", [])
CSRF_TRUSTED_ORIGINS = words("ORDERLY_TRUSTED_ORIGINS", [f"https://{host}" for host in ALLOWED_HOSTS])

ORDERLY_API_ANONYMOUS = flag("ORDERLY_API_ANONYMOUS")
ORDERLY_DEMO = flag("ORDERLY_DEMO")

ORDERLY_API_DOCS_PUBLIC = flag("ORDERLY_API_DOCS_PUBLIC")
SECRET_KEY = strong_secret_key(SECRET_KEY)

# Only a known proxy is believed about where a request comes from and whether it came over TLS; by default one on this machine.
ORDERLY_TRUSTED_PROXIES = read_proxies(words("ORDERLY_TRUSTED_PROXIES", ["127.0.0.1", "::1"]))
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
# A year, for every name below ours. Browsers carry preload lists for months after one has left them, so joining is a
# decision of the domain's owner and not a default.
SECURE_HSTS_SECONDS = whole_number("ORDERLY_HSTS_SECONDS", 365 * 24 * 60 * 60)
SECURE_HSTS_INCLUDE_SUBDOMAINS = flag("ORDERLY_HSTS_SUBDOMAINS", default=True)
SECURE_HSTS_PRELOAD = flag("ORDERLY_HSTS_PRELOAD")
SILENCED_SYSTEM_CHECKS = [] if SECURE_HSTS_PRELOAD else ["security.W021"]

SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
# The prefix makes browsers refuse such a cookie from any other host, from plain HTTP and for a part of the site.
SESSION_COOKIE_NAME = "__Host-orderly_session"
CSRF_COOKIE_NAME = "__Host-orderly_csrf"

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
