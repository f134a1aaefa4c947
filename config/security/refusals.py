"""Requests refused before any view sees them: methods nobody serves, bodies that are too large to be read, what the door refused."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from config.security.pages import refuse
from config.web.environ import REFUSED_BEFORE_READING

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Refusals:
    """Middleware. TRACE would hand a request's own headers, cookies included, to whoever made the browser send it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer 400, 405, 408 or 413, or go on."""
        at_the_door = request.META.get(REFUSED_BEFORE_READING)
        if at_the_door is not None:
            return refuse(request, *at_the_door)
        if request.method not in METHODS:
            response = refuse(
                request, 405, "method-not-allowed", f"{request.method} is not served here; use {METHODS[0]}."
            )
            response.headers["Allow"] = ", ".join(METHODS)
            return response
        largest = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        size = str(request.META.get("CONTENT_LENGTH") or "0")
        if not size.isdecimal():
            return refuse(
                request, 400, "bad-content-length", "The Content-Length of the request is not a number."
            )
        if int(size) > largest:
            return refuse(
                request,
                413,
                "body-too-large",
                f"The body may have {largest} bytes; this one has {int(size)}.",
            )
        return self._get_response(request)
