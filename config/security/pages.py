"""What people and programs read when something is refused or fails: a page of the shop, or a problem for the API.

Pages for 400, 405, 413, 500 and 503 are shown when nothing can be relied on: no session, no database, no request even.
"""

from __future__ import annotations

import sys
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse

from orchestration.engine.database.errors import is_unavailable
from orders.api.problems import problem_response

_RETRY_AFTER = "5"
"""Seconds; the database is usually back by then."""


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400, without the reason: it is for the log, and may repeat what an attacker sent."""
    return refuse(request, 400, "bad-request", "This request could not be understood.")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403."""
    if _is_for_programs(request):
        return problem_response(status=403, code="forbidden", detail="You may not do this.")
    return _page(request, 403, "403.html")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form whose token is missing or old. The view was not called, so nothing is half done."""
    return _page(request, 403, "403_csrf.html")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404."""
    if _is_for_programs(request):
        return problem_response(
            status=404,
            code="not-found",
            detail="There is nothing at this address; see the API's documentation.",
        )
    return _page(request, 404, "404.html")


def server_error(request: HttpRequest) -> HttpResponse:
    """500, or 503 with Retry-After where the database is away. Django has logged the error, and no page shows it."""
    if is_unavailable(sys.exc_info()[1]):
        response = refuse(
            request,
            503,
            "unavailable",
            "The store cannot be reached at the moment. Try again in a few seconds.",
        )
        response["Retry-After"] = _RETRY_AFTER
        return response
    return refuse(
        request,
        500,
        "internal-error",
        "Something went wrong on our side, and what you asked for was not done.",
    )


def refuse(request: HttpRequest, status: int, code: str, detail: str) -> HttpResponse:
    """Answer without touching session or database; `detail` says what is wrong and what to do."""
    if _is_for_programs(request):
        return problem_response(status=status, code=code, detail=detail)
    # 400.html and 500.html are also what Django itself would show; the others differ by a sentence.
    template = "500.html" if status >= 500 else "400.html"
    text = render_to_string(template, {"title": HTTPStatus(status).phrase, "detail": detail})
    return _not_kept(HttpResponse(text, status=status))


def _page(request: HttpRequest, status: int, template: str) -> HttpResponse:
    return _not_kept(render(request, template, status=status))


def _not_kept(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    return response


def _is_for_programs(request: HttpRequest) -> bool:
    return request.path_info.startswith((reverse("orders-api:api-root"), "/hooks/"))
