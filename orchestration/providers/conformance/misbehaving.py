"""A server that misbehaves on purpose, and the ways in which it does."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Behaviour = Callable[[socket.socket], None]
"""What is done with a caller whose request has come; then the connection is closed."""


def answer(status: str, body: bytes = b"", *headers: str) -> Behaviour:
    """Answer each call the same, such as `answer("402 Payment Required", b'{"error": …}')`."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return lambda caller: caller.sendall("\r\n".join(lines).encode() + body)


def say_nothing(caller: socket.socket) -> None:
    """Keep the line open without a word."""
    caller.recv(1)  # returns when the caller has given up


def hang_up(caller: socket.socket) -> None:
    """End without a word."""


def drip_the_body(caller: socket.socket) -> None:
    """Send a byte of the body now and then."""
    caller.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 100000\r\n\r\n")
    _drip(caller, b" ")


def drip_the_headers(caller: socket.socket) -> None:
    """Send a header now and then."""
    caller.sendall(b"HTTP/1.1 201 Created\r\n")
    _drip(caller, b"X-More: to come\r\n")


def cut_off(caller: socket.socket) -> None:
    """End in the middle of the answer."""
    caller.sendall(b'HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{"id": "au')


def flood(caller: socket.socket) -> None:
    """Send more than any answer holds."""
    caller.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 9_000_000)


def speak_something_else(caller: socket.socket) -> None:
    """Answer in another protocol."""
    caller.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")


WITHOUT_AN_ANSWER = (
    say_nothing,
    hang_up,
    drip_the_body,
    drip_the_headers,
    cut_off,
    flood,
    speak_something_else,
    answer("200 OK", b"\x1f\x8b not gzip", "Content-Encoding: gzip"),
)


@contextmanager
def server_that(behaves: Behaviour) -> Iterator[str]:
    """Serve on loopback for as long as the block lasts; gives the address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    caller, _ = listener.accept()
                except OSError:
                    return
                with caller:
                    try:
                        caller.recv(65536)
                        behaves(caller)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=10)


def nobody() -> str:
    """Return an address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def _drip(caller: socket.socket, drop: bytes) -> None:
    for _ in range(100):
        caller.sendall(drop)
        time.sleep(0.05)  # a piece often enough that no wait for the next one is too long
