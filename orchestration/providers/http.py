"""The connection over HTTP. It says of every call that fails what is known about it, and never waits for ever.

Only a failure to connect proves that nothing was sent. Anything after that leaves the outcome unknown.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from orchestration.errors import OutcomeUnknown, StepRetryable
from orchestration.extras import missing
from orchestration.providers.answers import Reply

try:
    import httpx

    from orchestration.providers.deadline import DeadlineTransport, until
except ImportError as error:
    raise ImportError(missing("httpx", "providers")) from error

CONNECT_SECONDS = 2.0
"""Somebody who does not take up the phone within two seconds is not there."""

MAX_ANSWER_BYTES = 256 * 1024
"""An answer larger than this is none of the provider's."""

NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)


class HttpConnection:
    """Talks to a provider over connections that are kept open, and are never shared between processes.

    Args:
        provider: a noun for messages and codes, such as `gateway`.
        address: called for each request, so that a client can be built before its settings are there.
        headers: likewise; they hold the secret, which is sent to this address and appears in no error and no log.
        seconds: how long one call may take, from connecting to the last byte of its answer.
        key_header: the header that carries the idempotency key.
    """

    def __init__(
        self,
        provider: str,
        *,
        address: Callable[[], str],
        headers: Callable[[], Mapping[str, str]],
        seconds: float,
        key_header: str = "Idempotency-Key",
    ) -> None:
        self._provider = provider
        self._address = address
        self._headers = headers
        self._seconds = seconds
        self._key_header = key_header
        # Once, and not within the time of a call: reading them takes a while.
        self._certificates = httpx.create_ssl_context(trust_env=False)
        self._clients: dict[int, httpx.Client] = {}
        """By process. A forked worker must not share its parent's sockets: two would read each other's answers."""

    def exchange(self, method: str, path: str, *, key: str | None = None, body: Any = None) -> Reply:
        """Send one request and return its whole answer."""
        url, headers = self._address() + path, dict(self._headers())
        if key is not None:
            headers[self._key_header] = key
        try:
            with (
                until(time.monotonic() + self._seconds),
                self._client().stream(method, url, headers=headers, json=body) as response,
            ):
                return Reply(response.status_code, _decoded(self._whole(response)), _retry_after(response))
        except NEVER_SENT as error:
            raise StepRetryable(
                f"The {self._provider} cannot be reached ({type(error).__name__}).", code="unreachable"
            ) from error
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise OutcomeUnknown(
                f"No answer from the {self._provider} ({type(error).__name__}).",
                code=f"{self._provider}_silent",
            ) from error

    def close(self) -> None:
        """Give up open connections; the next call opens new ones."""
        client = self._clients.pop(os.getpid(), None)
        if client is not None:
            client.close()

    def _client(self) -> httpx.Client:
        client = self._clients.get(os.getpid())
        if client is None:
            timeout = httpx.Timeout(self._seconds, connect=min(CONNECT_SECONDS, self._seconds))
            # No proxy from the environment and no redirect: the secret goes to the provider and to nobody else.
            new = httpx.Client(
                transport=DeadlineTransport(self._certificates), timeout=timeout, trust_env=False
            )
            client = self._clients.setdefault(os.getpid(), new)  # another thread may have been faster
        return client

    def _whole(self, response: httpx.Response) -> bytes:
        body = b""
        for piece in response.iter_bytes():
            body += piece
            if len(body) > MAX_ANSWER_BYTES:
                raise OutcomeUnknown(
                    f"The {self._provider}'s answer is too large.", code=f"{self._provider}_answer"
                )
        return body


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _retry_after(response: httpx.Response) -> float | None:
    given = response.headers.get("Retry-After", "")
    return float(given) if given.isascii() and given.isdecimal() else None
