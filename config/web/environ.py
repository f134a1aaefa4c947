"""Makes the environ of WSGI from what an ASGI server has heard; what two readers could understand differently stays outside."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

REFUSED_BEFORE_READING = "orderly.refused"
"""The key in the environ under which the door leaves `(status, code, detail)` for `config.security.refusals` to word."""

GIVEN_ONCE = frozenset(
    {
        b"authorization", b"content-length", b"content-type", b"host", b"idempotency-key", b"origin", b"referer",
        b"webhook-id", b"webhook-signature", b"webhook-timestamp", b"x-csrftoken", b"x-forwarded-host", b"x-forwarded-port",
        b"x-forwarded-proto", b"x-forwarded-uri", b"x-real-ip",
    }
)  # fmt: skip
"""Headers of one value. Two of them would be joined to a third value that nobody sent."""


CHARSETS = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
"""Python knows a hundred more, among them `idna` and `rot13`, which fail on what is no such text."""
LONGEST_CONTENT_TYPE = 300


def environ_of(scope: dict[str, Any]) -> dict[str, Any]:
    """Return the environ of a request whose body has not been read."""
    client, server = scope.get("client") or ("", ""), scope.get("server") or ("", "")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": str(server[0]),
        "SERVER_PORT": str(server[1]),
        "REMOTE_ADDR": str(client[0]),
        "REMOTE_PORT": str(client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    _take_headers(environ, scope["headers"])
    return environ


def put_body(environ: dict[str, Any], body: bytes) -> None:
    """Give the application the body that was read, with its length: a body in chunks had announced none."""
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    environ.pop("HTTP_TRANSFER_ENCODING", None)


def refuse_content_type(environ: dict[str, Any]) -> None:
    """Take a Content-Type that Django cannot read from the environ, to be answered 400.

    Django reads it, and the query in its character set, while it makes its request: what fails there is an error of the server.
    """
    text = str(environ.get("CONTENT_TYPE") or "")
    parameters = [part.partition("=") for part in text.split(";")[1:]]
    charsets = {
        value.strip().strip('"').lower() for name, _, value in parameters if name.strip().lower() == "charset"
    }
    # `name*=x''y` names a character set of its own.
    if "*" in text or not text.isascii() or len(text) > LONGEST_CONTENT_TYPE or not charsets <= CHARSETS:
        environ["CONTENT_TYPE"] = ""
        environ[REFUSED_BEFORE_READING] = (
            400,
            "bad-content-type",
            "The Content-Type of the request cannot be used; its character set is UTF-8.",
        )


def _take_headers(environ: dict[str, Any], headers: Iterable[tuple[bytes, bytes]]) -> None:
    seen: set[bytes] = set()
    for name, value in headers:
        # In an environ `X_Forwarded_For` and `X-Forwarded-For` are one; proxies replace the second and pass on the first.
        if b"_" in name:
            continue
        lower = name.lower()
        if lower in seen and lower in GIVEN_ONCE:
            environ[REFUSED_BEFORE_READING] = (
                400,
                "header-given-twice",
                f"The header {lower.decode('ascii')} is given twice; send it once.",
            )
            continue
        key = lower.decode("latin-1").upper().replace("-", "_")
        if key not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
            key = f"HTTP_{key}"
        text = value.decode("latin-1")
        if lower in seen:
            text = environ[key] + ("; " if lower == b"cookie" else ", ") + text
        seen.add(lower)
        environ[key] = text
