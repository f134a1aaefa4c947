"""Counts statements and commits on the wire, between a side and PostgreSQL; only in the round that is for counting.

It reads the server's own words (which command is complete, whether a transaction is open), so it counts alike for every
library, at once and without an extension of the server.
"""

from __future__ import annotations

import asyncio
import re
import struct
import threading
from collections import Counter
from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

from config.system.servers.ports import LOOPBACK

_SSL_REQUEST, _GSS_REQUEST = 80877103, 80877104
_CONTROL = frozenset({"BEGIN", "START", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"})
_LITERAL = re.compile(r"'(?:[^']|'')*'|\b\d+\b|\$\d+|\"s\d+_x\d+\"")
"""Values, and the names that Django gives to savepoints."""
_MANY = re.compile(r"\(\?(?:, ?\?)+\)")
_SPACE = re.compile(r"\s+")


Tell = Callable[[bytes, bytes], None]


class Tally:
    """What has been seen since the last reset; written by one thread."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self.connections = 0
        """Connections that were opened."""
        self.queries = 0
        """Statements, those that only begin, end or mark a transaction left out."""
        self.commits = 0
        """Transactions that ended well, with something in them; a lone statement is one."""
        self.statements: Counter[str] = Counter()
        """Every statement sent, by its text without values."""


class Conversation:
    """The count of one connection, fed with what either side says."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._asked = 0
        self._prepared: dict[bytes, bytes] = {}

    def server_says(self, kind: bytes, body: bytes) -> None:
        """One message of the server."""
        if kind == b"C":
            word = body.rstrip(b"\0").split(b" ")[0].decode()
            if word not in _CONTROL:
                self._tally.queries += 1
                self._asked += 1
            elif word == "ROLLBACK":
                self._asked = 0
        elif kind == b"Z":
            if body == b"I":  # no transaction is open
                self._tally.commits += bool(self._asked)
                self._asked = 0
        elif kind == b"E":
            self._asked = 0

    def client_says(self, kind: bytes, body: bytes) -> None:
        """One message of the client."""
        if kind == b"Q":
            self._tally.statements[normal(body.rstrip(b"\0"))] += 1
        elif kind == b"P":
            name, text = body.split(b"\0")[:2]
            self._prepared[name] = text
        elif kind == b"B":
            name = body.split(b"\0")[1]
            self._tally.statements[normal(self._prepared.get(name, b""))] += 1


def normal(text: bytes) -> str:
    """A statement without its values, on one line."""
    without = _LITERAL.sub("?", text.decode(errors="replace"))
    return _SPACE.sub(" ", _MANY.sub("(?, …)", without)).strip()


class Proxy:
    """Listens on a free port of the loopback and passes everything on. A context manager."""

    def __init__(self, database: str) -> None:
        self.tally = Tally()
        self.url = ""
        """The database's address by way of the proxy."""
        self._parts = urlsplit(database)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def __enter__(self) -> Proxy:
        self._thread.start()
        opened = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._pass_on, LOOPBACK, 0), self._loop
        )
        self._server = opened.result(10)
        port = self._server.sockets[0].getsockname()[1]
        user, at, _ = self._parts.netloc.rpartition("@")
        self.url = urlunsplit(self._parts._replace(netloc=f"{user}{at}{LOOPBACK}:{port}"))
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        passing = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in passing:
            task.cancel()
        await asyncio.gather(*passing, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = self._parts.hostname or LOOPBACK, self._parts.port or 5432
        server_reader, server_writer = await asyncio.open_connection(host, port)
        talk = Conversation(self.tally)
        self.tally.connections += 1
        try:
            await _greet(reader, writer, server_writer)
            async with asyncio.TaskGroup() as both:
                both.create_task(_carry(reader, server_writer, talk.client_says))
                both.create_task(_carry(server_reader, writer, talk.server_says))
        except* (asyncio.IncompleteReadError, ConnectionError):
            pass  # either side has left
        finally:
            writer.close()
            server_writer.close()


async def _greet(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: asyncio.StreamWriter
) -> None:
    """Pass the first message on; it has no kind. A client that would rather encrypt is told that we cannot."""
    while True:
        head = await reader.readexactly(8)
        size, code = struct.unpack("!II", head)
        rest = await reader.readexactly(size - 8)
        if code not in (_SSL_REQUEST, _GSS_REQUEST):
            server.write(head + rest)
            return
        writer.write(b"N")


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tell: Tell) -> None:
    while True:
        head = await reader.readexactly(5)
        body = await reader.readexactly(struct.unpack("!I", head[1:])[0] - 4)
        tell(head[:1], body)
        writer.write(head + body)
        await writer.drain()
