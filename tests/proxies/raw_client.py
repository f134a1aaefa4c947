"""An HTTP client that sends what it is told, byte for byte: no library would send `..` or a header with an underscore."""

from __future__ import annotations

import http.client
import resource
import socket
import ssl
from collections.abc import Iterator

from tests.proxies.documented import HOST


def connect(port: int, *, from_address: str = "127.0.0.1", tls: bool = True) -> socket.socket:
    """Return a connection to a port of this machine, over TLS."""
    plain = socket.create_connection(("127.0.0.1", port), timeout=30, source_address=(from_address, 0))
    if not tls:
        return plain
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain, server_hostname=HOST)


def silent(port: int, number: int) -> Iterator[socket.socket]:
    """Open so many connections that say nothing, as this machine's other end has them closed or not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, number + 1_024)), hard))
    for _ in range(number):
        yield socket.create_connection(("127.0.0.1", port), timeout=5)


def head(method: str, path: str, headers: dict[str, str]) -> bytes:
    """Return the beginning of a request, to its empty line."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def ask(
    port: int,
    method: str,
    path: str,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    *,
    from_address: str = "127.0.0.1",
    tls: bool = True,
) -> http.client.HTTPResponse:
    """Send one request, and return the answer, read."""
    with connect(port, from_address=from_address, tls=tls) as connection:
        sent = {"Host": HOST, "Connection": "close", "Content-Length": str(len(body)), **(headers or {})}
        connection.sendall(head(method, path, sent) + body)
        response = http.client.HTTPResponse(connection, method=method)
        response.begin()
        response.content = response.read()  # type: ignore[attr-defined]
        return response


def status(
    port: int, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b""
) -> int:
    """Send one request, and return the status of the answer."""
    return ask(port, method, path, headers, body).status
