"""Who is calling. A token names its holder; without one a caller is anonymous, where the settings allow that.

An anonymous caller can place orders and can see or cancel an order whose id it knows; the id cannot be guessed.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest
from ninja.security.base import AuthBase

from orders.api.problems import Refusal
from orders.models.order import ANONYMOUS
from orders.strict_json import LARGEST_BODY
from orders.throttling import SAFE_METHODS, address_of, admit

LONGEST = 200
"""Characters of a principal, as orders and idempotency keys store it."""
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="orderly"'}


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller."""

    name: str
    """`token:<name>` or `anonymous`; idempotency keys and references are kept apart by it."""
    has_token: bool


def principal_of(request: HttpRequest) -> Principal:
    """The caller of a request.

    Settings: `ORDERLY_API_TOKENS`, a mapping of names to tokens (default: none), and `ORDERLY_API_ANONYMOUS`, whether
    one may call without a token (default: True).

    Raises:
        Refusal: 401, for an unknown token, or for none where one is needed.
    """
    sent = request.headers.get("Authorization")
    if sent is not None:
        # Also where it is empty or no ASCII: who sends one means to be known, and is not served as nobody.
        return _holder_of(sent)
    if not getattr(settings, "ORDERLY_API_ANONYMOUS", True):
        raise Refusal(
            401, "token-missing", "Send an API token: 'Authorization: Bearer <token>'.", headers=_CHALLENGE
        )
    # Not by address: a telephone that changes its network would place its order twice.
    return Principal(name=ANONYMOUS, has_token=False)


def require_token(principal: Principal) -> None:
    """Refuse callers without a token.

    Raises:
        Refusal: 401.
    """
    if not principal.has_token:
        raise Refusal(
            401,
            "token-missing",
            "Listing orders needs an API token: 'Authorization: Bearer <token>'. "
            "Without one you can read an order by its id.",
            headers=_CHALLENGE,
        )


def _holder_of(sent: str) -> Principal:
    scheme, _, token = sent.partition(" ")
    tokens: dict[str, str] = getattr(settings, "ORDERLY_API_TOKENS", {})
    holder = None
    for name, known in tokens.items():
        # Every token is compared, in constant time, so that answers do not tell how much of one was right.
        if known and hmac.compare_digest(known.encode(), token.strip().encode("utf-8", "replace")):
            holder = name
    if scheme.lower() != "bearer" or holder is None:
        raise Refusal(
            401,
            "token-unknown",
            "This API token is not known; check it, or leave the Authorization header out.",
            headers={"WWW-Authenticate": 'Bearer realm="orderly", error="invalid_token"'},
        )
    return Principal(name=_name_of(holder), has_token=True)


def _name_of(holder: str) -> str:
    """A name that the columns have room for, and that no two tokens share, however long the names of tokens are."""
    name = f"token:{holder}"
    if len(name) <= LONGEST:
        return name
    digest = hashlib.sha256(holder.encode()).hexdigest()
    return f"{name[: LONGEST - len(digest) - 1]}-{digest}"


def _throttle(request: HttpRequest, principal: Principal) -> None:
    if principal.has_token:
        wait = admit("api-token", principal.name)
    else:
        wait = admit("api-anonymous", f"address {address_of(request)}")
    if wait:
        raise Refusal(
            429,
            "too-many-requests",
            f"You call more often than this API allows. Send the same request again after {wait} s.",
            headers={"Retry-After": str(wait)},
        )


class Caller(AuthBase):
    """Runs before anything of a request is read: refuses oversized bodies, says who is calling, and counts writes."""

    openapi_type = "http"
    openapi_scheme = "bearer"

    def __call__(self, request: HttpRequest) -> Principal:
        """The caller; it is then `request.auth`."""
        try:
            size = int(request.META.get("CONTENT_LENGTH") or 0)
        except ValueError:
            size = 0
        if size > LARGEST_BODY:
            raise Refusal(
                413, "body-too-large", f"The body may have {LARGEST_BODY} bytes; this one has {size}."
            )
        principal = principal_of(request)
        if request.method not in SAFE_METHODS:
            _throttle(request, principal)
        if size and request.content_type not in ("application/json", ""):
            raise Refusal(415, "not-json", "Send the body as 'Content-Type: application/json'.")
        return principal
