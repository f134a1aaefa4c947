"""The carrier over HTTP. It maps every way in which a call can fail to what is known about it, and never waits for ever.

Only a failure to connect proves that nothing was sent. Anything after that leaves the outcome unknown.
"""

from __future__ import annotations

import json
import os
import time
from datetime import datetime
from typing import Any

import httpx

from orchestration import OutcomeUnknown, StepRetryable
from shipping import conf
from shipping.carrier.listing import in_file
from shipping.carrier_answers import AnsweringCarrier, Reply
from shipping.labels import CannotList, ListedParcel
from shipping.standard_webhooks import api_key

CONNECT_SECONDS = 2.0
"""Somebody who does not take up the phone within two seconds is not there."""

MAX_ANSWER_BYTES = 256 * 1024
"""An answer larger than this is none of the carrier's."""


class HttpCarrier(AnsweringCarrier):
    """Talks to the carrier at SHIPPING_CARRIER_URL, over connections that are kept open."""

    def __init__(self) -> None:
        self._seconds = conf.carrier_timeout()
        self._client: httpx.Client | None = None
        self._owner = 0

    def exchange(self, method: str, path: str, *, key: str | None = None, body: Any = None) -> Reply:
        """Send one request and return its whole answer."""
        # Asked for only now: who lists what a sandbox has done needs neither.
        address, key_here = conf.carrier_url(), api_key(conf.carrier_secrets()[0])
        headers = {"Authorization": f"Bearer {key_here}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        ends = time.monotonic() + self._seconds
        try:
            with self._connection().stream(method, address + path, headers=headers, json=body) as response:
                return Reply(response.status_code, _decoded(_read(response, ends)), _retry_after(response))
        except (
            httpx.ConnectError,
            httpx.ConnectTimeout,
            httpx.PoolTimeout,
            httpx.UnsupportedProtocol,
        ) as error:
            raise StepRetryable(
                f"The carrier cannot be reached ({type(error).__name__}).", code="unreachable"
            ) from error
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise OutcomeUnknown(f"No answer from the carrier ({type(error).__name__}).") from error

    def list_effects(self, since: datetime) -> list[ListedParcel]:
        """List what our sandbox has done: it has a ledger file. A carrier elsewhere has nothing of the kind.

        Raises:
            CannotList: another carrier than the sandbox of this system is talked to.
            NoLedger: the sandbox has no ledger where it should be.
        """
        if not conf.carrier_is_sandbox():
            raise CannotList("the carrier cannot list its effects")
        return in_file(conf.carrier_ledger(), since)

    def close(self) -> None:
        """Give up open connections; the next call opens new ones."""
        if self._client is not None and self._owner == os.getpid():
            self._client.close()
        self._client = None

    def _connection(self) -> httpx.Client:
        # A forked worker must not share its parent's sockets: two processes would read each other's answers.
        if self._client is None or self._owner != os.getpid():
            limit = httpx.Timeout(self._seconds, connect=min(CONNECT_SECONDS, self._seconds))
            # No proxy from the environment and no redirect: the key goes to the carrier and to nobody else.
            self._client = httpx.Client(timeout=limit, trust_env=False, follow_redirects=False)
            self._owner = os.getpid()
        return self._client


def _read(response: httpx.Response, ends: float) -> bytes:
    """The body, within the time for the whole call: httpx itself only limits the wait for the next piece."""
    body = b""
    for piece in response.iter_bytes():
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            raise OutcomeUnknown("The carrier's answer is too large.", code="carrier_answer")
        if time.monotonic() > ends:
            raise OutcomeUnknown("The carrier's answer takes too long.")
    return body


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _retry_after(response: httpx.Response) -> float | None:
    given = response.headers.get("Retry-After", "")
    return float(given) if given.isdecimal() else None
