"""Requests refused before any view sees them, once for the whole site: what the door refused, and what nobody could serve."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.conf import settings
from django.db import DataError
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from config.security.pages import refuse
from config.security.unreadable import what_cannot_be_read
from config.web.environ import REFUSED_BEFORE_READING

log = logging.getLogger("config.security")

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Refusals:
    """Middleware. TRACE would hand a request's own headers, cookies included, to whoever made the browser send it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer 400, 405, 408, 411 or 413, or go on."""
        at_the_door = request.META.get(REFUSED_BEFORE_READING)
        if at_the_door is not None:
            return refuse(request, *at_the_door)
        if request.method not in METHODS:
            response = refuse(
                request, 405, "method-not-allowed", f"{request.method} is not served here; use {METHODS[0]}."
            )
            response.headers["Allow"] = ", ".join(METHODS)
            return response
        if "HTTP_TRANSFER_ENCODING" in request.META and not request.META.get("CONTENT_LENGTH"):
            # Our own door has read the chunks; another WSGI server hands them on without a length, and they would seem empty.
            return refuse(request, 411, "length-required", "Send the body with a Content-Length.")
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
        unreadable = what_cannot_be_read(request)
        if unreadable:
            return refuse(request, 400, "unreadable", unreadable)
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """Answer 400 where somebody who only reads has asked for a value that the database has no room for."""
        if request.method in {"GET", "HEAD"} and isinstance(exception, DataError | OverflowError):
            log.warning(
                "%s was asked for with a value out of range: %s", request.path, type(exception).__name__
            )
            return refuse(
                request, 400, "out-of-range", "A value in the address is beyond what can be stored."
            )
        return None
