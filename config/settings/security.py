"""Everything browsers are told and everybody is held to: cookies, headers, content policies, sizes, rates.

`production` makes cookies and connections strict; the rest is the same everywhere, so that what works here works there.
"""

from __future__ import annotations

from typing import Any

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE

from config.security.client_address import Proxies, read_proxies
from config.settings.checking import rates
from config.settings.environment import flag, pairs, whole_number, words

_DAY = 24 * 60 * 60

# -- Cookies and sessions ------------------------------------------------------------------------------------------------
# Two systems side by side on one host share its cookies: by its own names, signing in to one does not sign out of the other.
SESSION_COOKIE_NAME = f"orderly_session_{whole_number('ORDERLY_PORT', 8000)}"
CSRF_COOKIE_NAME = f"orderly_csrf_{whole_number('ORDERLY_PORT', 8000)}"
SESSION_ENGINE = "config.security.session_store"
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
# A customer's session is the key to their orders, and a back-order may wait thirty days.
SESSION_COOKIE_AGE = 90 * _DAY
ORDERLY_STAFF_SESSION_SECONDS = whole_number("ORDERLY_STAFF_SESSION_SECONDS", 12 * 60 * 60)
# Not in a cookie of their own, which would lack the names and marks of ours.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
CSRF_FAILURE_VIEW = "config.security.pages.csrf_failure"

# -- Headers (config.security.headers has those without a setting) -------------------------------------------------------
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# -- Content security policies -------------------------------------------------------------------------------------------
_STOREFRONT: dict[str, Any] = {
    "default-src": [NONE],
    "script-src": [SELF],
    "style-src": [SELF],
    "img-src": [SELF],
    "connect-src": [SELF],
    "font-src": [SELF],
    "manifest-src": [SELF],
    "form-action": [SELF],
    "frame-ancestors": [NONE],
    "base-uri": [NONE],
    "object-src": [NONE],
}
CONTENT_SECURITY_POLICY = {"DIRECTIVES": _STOREFRONT}
# By the name of a view or of a namespace; what is not named here has the storefront's.
ORDERLY_CONTENT_POLICIES: dict[str, dict[str, Any]] = {
    "admin": {
        **_STOREFRONT,
        # Alpine.js, which moves unfold's menus and switches, makes functions of the text in attributes.
        "script-src": [SELF, UNSAFE_EVAL],
        # Unfold writes the colours of its theme into the page, and charts style what they draw.
        "style-src": [SELF, UNSAFE_INLINE],
        # Mail is shown in a frame that may do nothing; its page has a policy of its own.
        "frame-src": [SELF],
    },
    "orders-api:openapi-view": {
        **_STOREFRONT,
        # Swagger UI carries its icons along as data.
        "img-src": [SELF, "data:"],
    },
}

# -- Sizes ---------------------------------------------------------------------------------------------------------------
# The largest honest body is an order of 100 lines through the API, and that may have 64 KiB.
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 400
# No form takes a file.
DATA_UPLOAD_MAX_NUMBER_FILES = 0

# -- Who a request comes from, and how often (config.security.client_address, orders.throttling) -------------------------
ORDERLY_TRUSTED_PROXIES: Proxies = read_proxies(words("ORDERLY_TRUSTED_PROXIES", []))
ORDERLY_THROTTLING = flag("ORDERLY_THROTTLING", default=True)
ORDERLY_LIMITS = rates(
    {
        "place-order": "20/minute",
        "cancel-order": "30/minute",
        "basket": "240/minute",
        "demo": "30/minute",
        "admin-login": "10/minute",
        # From all addresses together.
        "admin-login-account": "60/hour",
        "api-anonymous": "120/minute",
        "api-token": "6000/minute",
    },
    pairs("ORDERLY_LIMITS"),
)
# Behind one address there may be an office; a thousand sessions of one machine there may not.
ORDERLY_LIMITS_PER_ADDRESS = 10
