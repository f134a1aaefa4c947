"""Staff sign in again after some hours; the shop's customer in the same browser keeps orders and basket all the while.

An order's page belongs to the browser that placed it, so what names the customer must outlive a sign-out from the admin.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from orders.storefront import customer, demo_worker, place_once, session_basket

SIGNED_IN_AT = "staff_signed_in_at"
KEPT = (customer.SESSION_KEY, session_basket.SESSION_KEY, place_once.SESSION_KEY, demo_worker.SESSION_KEY)
"""What a customer's browser keeps when a member of staff signs out in it."""


class StaffSessions:
    """Middleware: signs staff out `ORDERLY_STAFF_SESSION_SECONDS` after they signed in, and keeps the customer's things."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request."""
        since = request.session.get(SIGNED_IN_AT)
        if since is not None and time.time() - since > settings.ORDERLY_STAFF_SESSION_SECONDS:
            logout(request)
            _give_back(request)
        response = self._get_response(request)
        _give_back(request)
        return response


def _note_sign_in(
    sender: type[AbstractBaseUser], request: HttpRequest, user: AbstractBaseUser, **_: Any
) -> None:
    if getattr(user, "is_staff", False):
        request.session[SIGNED_IN_AT] = time.time()


def _take_along(sender: type[AbstractBaseUser], request: HttpRequest, **_: Any) -> None:
    """Called before the session is emptied."""
    kept = {name: request.session[name] for name in KEPT if name in request.session}
    request.META["orderly.kept"] = kept


def _give_back(request: HttpRequest) -> None:
    kept = request.META.pop("orderly.kept", None)
    if kept:  # an update with nothing would have every session written at every request
        request.session.update(kept)


def connect() -> None:
    """Have it done at every sign-in and sign-out; idempotent."""
    user_logged_in.connect(_note_sign_in, dispatch_uid="config.security.sessions.in")
    user_logged_out.connect(_take_along, dispatch_uid="config.security.sessions.out")
