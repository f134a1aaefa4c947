"""A deadline for a whole HTTP call.

The timeouts of httpx limit each wait for the next bytes; a server that sends a byte now and then, be it of the headers,
would hold a caller for hours.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpcore
import httpx

_ends: ContextVar[float] = ContextVar("ends")


@contextmanager
def until(moment: float) -> Iterator[None]:
    """End every call that is made inside at that moment, by the monotonic clock."""
    token = _ends.set(moment)
    try:
        yield
    finally:
        _ends.reset(token)


class DeadlineTransport(httpx.HTTPTransport):
    """The transport of httpx, with connections that know the deadline of the call they are used for."""

    def __init__(self, certificates: ssl.SSLContext) -> None:
        super().__init__(verify=certificates, trust_env=False)
        # httpx takes no backend of one's own. Should it rename its pool, a test with dripping headers fails.
        self._pool = httpcore.ConnectionPool(
            certificates,
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=5.0,
            network_backend=_Backend(),
        )


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(super().connect_tcp(host, port, left, local_address, socket_options))


def _left(timeout: float | None, error: type[Exception]) -> float | None:
    ends = _ends.get(None)
    if ends is None:
        return timeout
    left = ends - time.monotonic()
    if left <= 0:
        raise error("the call's time is over")
    return left if timeout is None else min(left, timeout)
