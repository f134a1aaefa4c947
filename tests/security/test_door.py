"""The door of the web server: what it makes of a request before the application sees it, and what it does not wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from config.web import door
from config.web.door import Door
from config.web.environ import REFUSED_BEFORE_READING, environ_of

LARGEST = 100


def scope(*headers: tuple[bytes, bytes], path: bytes = b"/", method: str = "POST") -> dict[str, Any]:
    return {
        "type": "http", "http_version": "1.1", "method": method, "scheme": "http", "raw_path": path, "query_string": b"a=%00",
        "headers": list(headers), "client": ("192.0.2.1", "4711"), "server": ("127.0.0.1", "8000"),
    }  # fmt: skip


class Seen:
    """An application that remembers what it was asked, and the answer that went out."""

    def __init__(self) -> None:
        self.environs: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []
        self.sent: list[dict[str, Any]] = []

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        self.environs.append(environ)
        self.bodies.append(environ["wsgi.input"].read())
        start("201 Created", [("X-Name", "Zoë")])
        return [b"o", b"k"]


def go(seen: Any, what: dict[str, Any], *messages: dict[str, Any]) -> list[dict[str, Any]]:
    """Send one request through a door; after the last of its messages the client says nothing more."""
    coming = list(messages)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not coming:
            await asyncio.Event().wait()
        return coming.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(Door(seen, threads=1, largest_body=LARGEST)(what, receive, send))
    return sent


def part(body: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_request_is_handed_on_whole() -> None:
    seen = Seen()
    sent = go(seen, scope((b"transfer-encoding", b"chunked")), part(b"one", more=True), part(b"two"))
    assert (seen.bodies, seen.environs[0]["CONTENT_LENGTH"]) == ([b"onetwo"], "6")
    assert sent == [
        {"type": "http.response.start", "status": 201, "headers": [(b"x-name", "Zoë".encode("latin-1"))]},
        {"type": "http.response.body", "body": b"ok"},
    ]


def test_the_environ_is_the_one_of_wsgi() -> None:
    environ = environ_of(
        scope((b"host", b"a"), (b"content-type", b"b"), path=b"/x/..%2f%C3%A4", method="GET")
    )
    assert {name: environ[name] for name in ("PATH_INFO", "QUERY_STRING", "REMOTE_ADDR", "HTTP_HOST", "CONTENT_TYPE")} == {
        "PATH_INFO": "/x/../" + "ä".encode().decode("latin-1"),
        "QUERY_STRING": "a=%00",
        "REMOTE_ADDR": "192.0.2.1",
        "HTTP_HOST": "a",
        "CONTENT_TYPE": "b",
    }  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        b"X_Forwarded_For",
        b"x-forwarded_for",
        b"x_forwarded-for",
        b"Content_Length",
        b"_",
        b"webhook_signature",
        b"Authorization_",
    ],
)
def test_a_header_with_an_underscore_is_dropped(name: bytes) -> None:
    assert environ_of(scope((name, b"1"))).keys() == environ_of(scope()).keys()


def test_lists_are_joined_and_cookies_are_cookies() -> None:
    environ = environ_of(
        scope(
            (b"x-forwarded-for", b"1"), (b"x-forwarded-for", b"2"), (b"cookie", b"a=1"), (b"cookie", b"b=2")
        )
    )
    assert (environ["HTTP_X_FORWARDED_FOR"], environ["HTTP_COOKIE"]) == ("1, 2", "a=1; b=2")


@pytest.mark.parametrize(
    "name", [b"idempotency-key", b"Authorization", b"host", b"webhook-id", b"content-type"]
)
def test_of_a_header_of_one_value_there_is_one(name: bytes) -> None:
    seen = Seen()
    sent = go(seen, scope((name, b"a"), (name.upper(), b"b")))
    assert seen.environs[0][REFUSED_BEFORE_READING][:2] == (400, "header-given-twice")
    assert (b"connection", b"close") in sent[0]["headers"]


@pytest.mark.parametrize(
    ("headers", "path"),
    [
        ([(b"content-length", b"101")], b"/api/orders"),
        ([(b"content-length", b"-1")], b"/api/orders"),
        ([(b"content-length", b"50")], b"/hooks/carrier"),
        ([(b"content-length", b"50"), (b"webhook-signature", b"")], b"/%68ooks/carrier"),
    ],
)
def test_a_body_that_is_refused_for_its_headers_is_not_read(
    headers: list[tuple[bytes, bytes]], path: bytes
) -> None:
    seen = Seen()
    sent = go(seen, scope(*headers, path=path))  # waits for ever if it reads
    assert seen.bodies == [b""]
    assert (b"connection", b"close") in sent[0]["headers"]


def test_chunks_beyond_the_limit_are_not_read() -> None:
    seen = Seen()
    go(seen, scope(), part(b"x" * 60, more=True), part(b"x" * 60, more=True))
    assert int(seen.environs[0]["CONTENT_LENGTH"]) > LARGEST


def test_a_body_that_is_too_slow_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "BODY_SECONDS", 0.01)
    seen = Seen()
    go(seen, scope((b"content-length", b"50")), part(b"x", more=True))
    assert (seen.bodies, seen.environs[0][REFUSED_BEFORE_READING][:2]) == ([b""], (408, "body-too-slow"))


def test_a_client_that_has_gone_is_not_answered() -> None:
    seen = Seen()
    assert go(seen, scope(), part(b"x", more=True), {"type": "http.disconnect"}) == []
    assert seen.environs == []


def test_an_application_that_fails_is_a_500_without_details(caplog: pytest.LogCaptureFixture) -> None:
    def failing(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        raise ValueError("secret")

    sent = go(failing, scope(), part(b""))
    assert (sent[0]["status"], b"secret" in sent[1]["body"]) == (500, False)
    assert "secret" in caplog.text
