"""The admin with its login throttled, so that a password cannot be guessed at leisure.

Attempts are counted by address and user name, and by user name alone: a thousand addresses would have a thousand times the guesses.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver, path

from orders.throttling import address_of, forgive, throttled

SCOPE = "admin-login"
ACCOUNT_SCOPE = "admin-login-account"
"""Far more than `SCOPE` allows one address, so that a stranger who only guesses seldom keeps the account's owner out."""


def account(request: HttpRequest) -> str:
    """Return which account an attempt is for."""
    # As Django's own form reads it: the same name in other characters is no other account.
    return unicodedata.normalize("NFKC", request.POST.get("username", "")).strip().lower()


def address_and_account(request: HttpRequest) -> str:
    """Return whom an attempt is counted for, and by which account."""
    return f"{address_of(request)} {account(request)}"


@throttled(SCOPE, principal=address_and_account, keeps_form=False)
@throttled(ACCOUNT_SCOPE, principal=account, keeps_form=False)
def login(request: HttpRequest) -> HttpResponseBase:
    """Every attempt counts before it is made, also many at once; one that succeeds clears the count."""
    response: HttpResponseBase = admin.site.login(request)
    # Not by `request.user`: whoever is signed in already would guess at another account without end.
    if request.method == "POST" and response.status_code == HTTPStatus.FOUND:
        forgive(SCOPE, address_and_account(request))
        forgive(ACCOUNT_SCOPE, account(request))
    return response


def admin_urls(
    *more: URLPattern | URLResolver,
) -> tuple[Sequence[URLPattern | URLResolver | Any], str, str]:
    """Return the admin's addresses for `path()`, with our login before its own, and `more` before both."""
    patterns, app_name, namespace = admin.site.urls
    return [*more, path("login/", login, name="login"), *patterns], app_name, namespace
