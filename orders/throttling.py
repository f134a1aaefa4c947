"""How often one caller may do a thing: `throttled(scope)` on a view, `admit` and `forgive` elsewhere.

Settings: `ORDERLY_LIMITS`, rates by scope such as "20/minute"; `ORDERLY_LIMITS_PER_ADDRESS`, how many callers one address
may be; `ORDERLY_LIMITS_URL`, the Redis that counts; `ORDERLY_THROTTLING`, whether anything is counted. A Redis that is away
admits everybody: an order needs no broker.
"""

from __future__ import annotations

import functools
import ipaddress
import logging
import math
import threading
import time
from collections.abc import Callable
from typing import Concatenate, ParamSpec

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.crypto import salted_hmac
from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis.backoff import NoBackoff
from redis.retry import Retry

log = logging.getLogger("orders.throttling")

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_ANSWERS_WITHIN = 0.25
"""Seconds a request waits for Redis at most."""
_LEFT_ALONE = 5.0
"""Seconds a Redis that did not answer is not asked again: a request shall not wait for it each time."""

P = ParamSpec("P")


class _Counts:
    """The counts in one Redis; safe to share between threads."""

    def __init__(self, url: str) -> None:
        # Without retries: the client's default would wait for a dead server several times over.
        client_options: dict[str, object] = {
            "socket_timeout": _ANSWERS_WITHIN,
            "socket_connect_timeout": _ANSWERS_WITHIN,
            "retry": Retry(NoBackoff(), 0),
        }
        self._storage = RedisStorage(
            url,
            key_prefix="orderly:limits",
            wrap_exceptions=True,
            **client_options,  # type: ignore[arg-type]  # handed on to the client as they are
        )
        self._limiter = MovingWindowRateLimiter(self._storage)
        self._lock = threading.Lock()
        self._asked_again_at: float | None = None

    def hit(self, rate: RateLimitItem, key: str) -> int:
        """Count one, and return 0; or return the seconds until the next one is admitted, 1 at least."""

        def act() -> int:
            if self._limiter.hit(rate, key):
                return 0
            free_at = self._limiter.get_window_stats(rate, key).reset_time
            return max(1, math.ceil(free_at - time.time()))

        return self._ask(act)

    def clear(self, rate: RateLimitItem, key: str) -> None:
        """Forget what was counted."""

        def act() -> int:
            self._limiter.clear(rate, key)
            return 0

        self._ask(act)

    def _ask(self, act: Callable[[], int]) -> int:
        again_at = self._asked_again_at
        if again_at is not None and time.monotonic() < again_at:
            return 0
        try:
            answer = act()
        except StorageError as error:
            self._is_away(error)
            return 0
        if again_at is not None:
            self._is_back()
        return answer

    def _is_away(self, error: StorageError) -> None:
        with self._lock:
            if self._asked_again_at is None:
                # Its kind only: its text may hold the address, and the address a password.
                kind = type(error.__cause__ or error).__name__
                log.warning(
                    "the server that counts requests is away (%s): nothing is throttled until it is back",
                    kind,
                )
            self._asked_again_at = time.monotonic() + _LEFT_ALONE

    def _is_back(self) -> None:
        with self._lock:
            if self._asked_again_at is not None:
                log.info("the server that counts requests is back")
            self._asked_again_at = None


_counts = functools.cache(_Counts)
_rate = functools.cache(parse)


def admit(scope: str, principal: str, *, address: str = "") -> int:
    """Count one request of `principal`, and return 0; or the seconds to wait (1 or more) where it is one too many.

    With an `address`, all principals of that address together are counted too, so that a caller that makes itself a new
    session for each request gains little. What is one too many for its principal is not counted.
    """
    if not settings.ORDERLY_THROTTLING:
        return 0
    counts, rate = _counts(settings.ORDERLY_LIMITS_URL), _rate(settings.ORDERLY_LIMITS[scope])
    wait = counts.hit(rate, _key(scope, principal))
    if wait or not address:
        return wait
    ceiling = type(rate)(rate.amount * settings.ORDERLY_LIMITS_PER_ADDRESS, rate.multiples)
    return counts.hit(ceiling, _key(scope, f"everybody at {address}"))


def forgive(scope: str, principal: str) -> None:
    """Forget what was counted for `principal` in `scope`."""
    if settings.ORDERLY_THROTTLING:
        counts, rate = _counts(settings.ORDERLY_LIMITS_URL), _rate(settings.ORDERLY_LIMITS[scope])
        counts.clear(rate, _key(scope, principal))


def principal_of(request: HttpRequest) -> str:
    """Whom a request is counted for: the account that signed in, else the session, else the address."""
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        return f"user {user.pk}"
    session = getattr(request, "session", None)
    if session is not None:
        # Loaded first: a made-up session cookie has no key afterwards, and is no principal.
        session.get("")
        if session.session_key:
            return f"session {session.session_key}"
    return f"address {address_of(request)}"


def address_of(request: HttpRequest) -> str:
    """The client's address; of IPv6 the network of 64 bits, which is what one household or host is given."""
    text = str(request.META.get("REMOTE_ADDR") or "unknown")
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))


def throttled(
    scope: str, *, principal: Callable[[HttpRequest], str] = principal_of, keeps_form: bool = True
) -> Callable[
    [Callable[Concatenate[HttpRequest, P], HttpResponseBase]],
    Callable[Concatenate[HttpRequest, P], HttpResponseBase],
]:
    """Answer 429 with Retry-After where a caller posts more often than `scope` allows; reading is not counted.

    The page says how long to wait and, if `keeps_form`, sends the same form again at the press of a button.
    """

    def decorate(
        view: Callable[Concatenate[HttpRequest, P], HttpResponseBase],
    ) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
        @functools.wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if request.method in SAFE_METHODS:
                return view(request, *args, **kwargs)
            wait = admit(scope, principal(request), address=address_of(request))
            if wait:
                return _too_many(request, wait, keeps_form=keeps_form)
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def _too_many(request: HttpRequest, wait: int, *, keeps_form: bool) -> HttpResponse:
    fields = []
    if keeps_form:
        fields = [
            (name, value)
            for name, values in request.POST.lists()
            for value in values
            if name != "csrfmiddlewaretoken"
        ]
    context = {"wait": wait, "fields": fields, "keeps_form": keeps_form}
    response = render(request, "429.html", context, status=429)
    response["Retry-After"] = str(wait)
    response["Cache-Control"] = "no-store"
    return response


def _key(scope: str, principal: str) -> str:
    # A session key or an address is nobody's business in Redis.
    return f"{scope}:{salted_hmac('orders.throttling', principal, algorithm='sha256').hexdigest()[:32]}"
