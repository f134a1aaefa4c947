"""How the API says no: `application/problem+json` (RFC 9457) that says what is wrong and what to do.

Never a traceback, a query or a path; a database or broker that is away is a 503 with Retry-After, not a 500.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django.db import Error as DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI, Schema
from ninja.errors import HttpError, ValidationError

from orchestration.services import is_unavailable
from orders.errors import (
    CancelRefused,
    InvalidOrder,
    KeyInUse,
    KeyReused,
    OrderNotFound,
    Problem,
    ReferenceTaken,
)
from orders.services.request_problems import problems_of
from orders.strict_json import MalformedJson

log = logging.getLogger("orders.api")


class FieldProblem(Schema):
    """One field that is wrong."""

    field: str
    message: str


class ProblemOut(Schema):
    """Why a request was refused."""

    type: str
    """`urn:orderly:problem:<code>`, stable, for programs."""
    title: str
    status: int
    detail: str
    """What is wrong and what to do, for people."""
    errors: list[FieldProblem] = []


class Refusal(Exception):
    """Raised within the API to answer with a problem."""

    def __init__(self, status: int, code: str, detail: str, *, headers: dict[str, str] | None = None) -> None:
        self.status, self.code, self.detail, self.headers = status, code, detail, headers or {}
        super().__init__(detail)


def problem_response(
    *,
    status: int,
    code: str,
    detail: str,
    errors: Sequence[Problem] = (),
    headers: dict[str, str] | None = None,
) -> HttpResponse:
    """A problem as an HTTP answer."""
    content: dict[str, Any] = {
        "type": f"urn:orderly:problem:{code}",
        "title": code.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail,
    }
    if errors:
        content["errors"] = [{"field": problem.field, "message": problem.message} for problem in errors]
    response = HttpResponse(json.dumps(content), status=status, content_type="application/problem+json")
    response["Cache-Control"] = "no-store"
    for name, value in (headers or {}).items():
        response[name] = value
    return response


def _invalid(problems: Sequence[Problem]) -> HttpResponse:
    detail = "; ".join(str(problem) for problem in problems[:5])
    return problem_response(
        status=400,
        code="invalid-request",
        detail=f"{detail}; errors has the rest" if len(problems) > 5 else detail,
        errors=problems,
    )


def _malformed(request: HttpRequest, error: HttpError) -> HttpResponse:
    """The framework's own refusals; it wraps what our parser raised."""
    cause = error.__cause__
    if isinstance(cause, MalformedJson):
        return problem_response(status=400, code="malformed-json", detail=f"{cause}.")
    return problem_response(status=error.status_code, code="refused", detail=str(error))


def _unexpected(request: HttpRequest, error: Exception) -> HttpResponse:
    log.exception("unexpected error in %s %s", request.method, request.path, exc_info=error)
    return problem_response(
        status=500,
        code="internal-error",
        detail="Something went wrong on our side, and nothing was changed. "
        "Send the same request with the same Idempotency-Key again.",
    )


def _database_failed(request: HttpRequest, error: Exception) -> HttpResponse:
    if not is_unavailable(error):
        return _unexpected(request, error)
    log.error("database unavailable in %s %s: %s", request.method, request.path, error)
    return problem_response(
        status=503,
        code="unavailable",
        detail="The store cannot be reached at the moment. Send the same request with the same Idempotency-Key again.",
        headers={"Retry-After": "5"},
    )


def _findings(error: ValidationError) -> list[Problem]:
    # The first part says where the field was (body, query, path), the second names our Python argument.
    findings = []
    for finding in error.errors:
        place, *rest = finding["loc"]
        findings.append((finding["type"], rest[1:] if place == "body" else rest[-1:]))
    return problems_of(findings)


def answer_with_problems(api: NinjaAPI) -> None:
    """Make the API answer every error with a problem."""
    fixed: list[tuple[type[Exception], int, str]] = [
        (ReferenceTaken, 409, "reference-taken"),
        (OrderNotFound, 404, "order-not-found"),
        (Http404, 404, "not-found"),
        (CancelRefused, 409, "too-late-to-cancel"),
        (KeyReused, 422, "idempotency-key-reused"),
        (KeyInUse, 409, "idempotency-key-in-use"),
    ]
    for kind, status, code in fixed:
        _handle(api, kind, partial(_fixed, status=status, code=code))
    _handle(api, Refusal, _refused)
    _handle(api, InvalidOrder, lambda request, error: _invalid(error.problems))
    _handle(api, ValidationError, lambda request, error: _invalid(_findings(error)))
    _handle(api, HttpError, _malformed)
    _handle(api, DatabaseError, _database_failed)
    _handle(api, Exception, _unexpected)


def _handle(api: NinjaAPI, kind: type[Exception], answer: Callable[[HttpRequest, Any], HttpResponse]) -> None:
    api.add_exception_handler(kind, answer)


def _fixed(request: HttpRequest, error: Exception, *, status: int, code: str) -> HttpResponse:
    headers = {"Retry-After": "1"} if code == "idempotency-key-in-use" else None
    return problem_response(status=status, code=code, detail=str(error), headers=headers)


def _refused(request: HttpRequest, error: Refusal) -> HttpResponse:
    return problem_response(status=error.status, code=error.code, detail=error.detail, headers=error.headers)
