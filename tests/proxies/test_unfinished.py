"""Bodies that never end, through each documented proxy and without one: everybody else is served meanwhile."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.bootstrap.running_system import RunningSystem
from tests.proxies.documented import HOST, Proxy
from tests.proxies.raw_client import ask, connect, head

pytestmark = pytest.mark.proxies

MANY = 12
"""Six times as many as the web server has threads."""
UNFINISHED = {
    "a webhook": head("POST", "/hooks/carrier", {"Host": HOST, "Content-Length": "100", "webhook-signature": "v1,x"}),
    "an order": head("POST", "/api/orders", {"Host": HOST, "Content-Length": "100", "Content-Type": "application/json"}),
    "a form": head(
        "POST",
        "/admin/login/",
        {"Host": HOST, "Content-Length": "100", "Content-Type": "application/x-www-form-urlencoded",
         "Cookie": "__Host-orderly_csrf=" + "a" * 32},
    ),
    "chunks": head("POST", "/api/orders", {"Host": HOST, "Transfer-Encoding": "chunked"}) + b"5\r\nab",
    "a read with a body": head("GET", "/", {"Host": HOST, "Content-Length": "100"}),
}  # fmt: skip


@pytest.fixture
def kept_open() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.mark.parametrize("kind", UNFINISHED)
def test_pages_are_served_while_bodies_do_not_end(proxy: Proxy, kept_open: ExitStack, kind: str) -> None:
    for _ in range(MANY):
        kept_open.enter_context(connect(proxy.port)).sendall(UNFINISHED[kind] + b"x")
    assert ask(proxy.port, "GET", "/").status == 200


@pytest.mark.parametrize("kind", UNFINISHED)
def test_nor_do_they_hold_a_thread_of_the_web_server_itself(
    system: RunningSystem, kept_open: ExitStack, kind: str
) -> None:
    held = [kept_open.enter_context(connect(system.port, tls=False)) for _ in range(MANY)]
    for connection in held:
        connection.sendall(_over_tls(UNFINISHED[kind]) + b"x")
    assert ask(system.port, "GET", "/", {"X-Forwarded-Proto": "https"}, tls=False).status == 200


def test_a_body_that_does_not_end_is_answered_408(system: RunningSystem) -> None:
    with connect(system.port, tls=False) as connection:
        connection.sendall(_over_tls(UNFINISHED["an order"]) + b"x")
        assert _first_line(connection) == b"HTTP/1.1 408 Request Timeout"


def test_a_webhook_without_a_signature_is_refused_before_its_body_is_read(system: RunningSystem) -> None:
    with connect(system.port, tls=False) as connection:
        connection.sendall(
            head(
                "POST",
                "/hooks/carrier",
                {"Host": HOST, "Content-Length": "100", "X-Forwarded-Proto": "https"},
            )
            + b"x"
        )
        assert _first_line(connection) == b"HTTP/1.1 401 Unauthorized"


def test_a_body_in_chunks_is_read(proxy: Proxy) -> None:
    with connect(
        proxy.port, from_address={"nginx": "127.0.0.4", "caddy": "127.0.0.5"}[proxy.kind]
    ) as connection:
        sent = {
            "Host": HOST,
            "Content-Type": "application/json",
            "Transfer-Encoding": "chunked",
            "Idempotency-Key": "a" * 32,
        }
        connection.sendall(head("POST", "/api/orders", sent) + b'9\r\n{"card":1\r\n1\r\n}\r\n0\r\n\r\n')
        assert _first_line(connection) == b"HTTP/1.1 400 Bad Request"
        answer = b""
        while b"customer" not in answer:
            piece = connection.recv(65536)
            assert piece, answer
            answer += piece


def _over_tls(beginning: bytes) -> bytes:
    """Return a beginning of a request as a proxy would send it on; in production others are sent to https."""
    return beginning.replace(b"\r\n\r\n", b"\r\nX-Forwarded-Proto: https\r\n\r\n", 1)


def _first_line(connection: socket.socket) -> bytes:
    answer = b""
    while b"\r\n" not in answer:
        more = connection.recv(1)
        assert more, answer
        answer += more
    return answer.rstrip(b"\r\n")
