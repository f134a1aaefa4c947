"""Runs a WSGI application behind an ASGI server, and gives a request one of its threads only once the request is there whole.

A client that sends half a body, or reads its answer slowly, holds a connection and some memory; never a thread, of which there
are few. Bodies that are refused for what their headers say are not read at all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from config.web.environ import REFUSED_BEFORE_READING, environ_of, put_body

log = logging.getLogger("config.web")

BODY_SECONDS = 10.0
"""How long a whole body may take. The largest that is read, 256 KiB, needs 0.2 Mbit/s for that."""
SIGNED = "/hooks/"
"""Below it nothing is read that carries no signature."""

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Message = dict[str, Any]


class Gone(Exception):
    """The client has closed its connection: there is nobody to answer."""


@dataclass(slots=True)
class Answer:
    """What the application said."""

    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""


class Door:
    """An ASGI application (`asginl`: without lifespan). One for each process, with as many threads as it may answer at once."""

    def __init__(self, application: Application, *, threads: int, largest_body: int) -> None:
        self._application = application
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="web")
        self._largest_body = largest_body

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Answer one request."""
        environ = environ_of(scope)
        try:
            is_read = await self._take_body(environ, receive)
        except Gone:
            return
        answer = await asyncio.get_running_loop().run_in_executor(self._threads, self._ask, environ)
        if not is_read:
            # What is left of the body would be taken for the next request.
            answer.headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _take_body(self, environ: dict[str, Any], receive: Callable[[], Awaitable[Message]]) -> bool:
        """Put the body in the environ; return False where it was not read to its end."""
        if REFUSED_BEFORE_READING in environ or self._is_refused_by_its_headers(environ):
            return False
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await self._read(receive)
        except TimeoutError:
            environ[REFUSED_BEFORE_READING] = (
                408,
                "body-too-slow",
                f"The body was not there within {BODY_SECONDS:.0f} s. Send the request again.",
            )
            return False
        put_body(environ, body)
        return len(body) <= self._largest_body

    def _is_refused_by_its_headers(self, environ: dict[str, Any]) -> bool:
        length = environ.get("CONTENT_LENGTH", "")
        if length and (not length.isdecimal() or int(length) > self._largest_body):
            return True  # the application says 400 or 413 by what is announced
        return environ["PATH_INFO"].startswith(SIGNED) and not environ.get("HTTP_WEBHOOK_SIGNATURE")

    async def _read(self, receive: Callable[[], Awaitable[Message]]) -> bytes:
        """Return the body, or so much of it that it is too large."""
        body = bytearray()
        while len(body) <= self._largest_body:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Gone
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        return bytes(body)

    def _ask(self, environ: dict[str, Any]) -> Answer:
        """Have the application answer, in one of our threads. What it says is read to its end here, so that nobody waits for a slow client."""
        answer = Answer()

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None
        ) -> Callable[[bytes], object]:
            answer.status = int(status.split(" ", 1)[0])
            answer.headers = [
                (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers
            ]
            return lambda data: None

        said = None
        try:
            said = self._application(environ, start)
            answer.body = b"".join(said)
        except Exception:
            # Django answers its own errors; what gets here comes from before its handler.
            log.exception("the application failed at %s", environ["REQUEST_METHOD"])
            return Answer(500, [(b"content-type", b"text/plain")], b"Something went wrong on our side.\n")
        finally:
            close = getattr(said, "close", None)
            if close is not None:
                close()
        return answer
