"""Cables between one host and a server: everything goes through them until they are cut, and again when they are mended.

Cut as a network is cut: nobody is told. Connections stay open, what is sent lies in the cable, and comes out late if it is
mended. So a host that was cut off believes for a while that it still holds what it held.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

from config.system.servers.ports import LOOPBACK

CHUNK = 65_536


class Cable:
    """One cable: a port here, a server there, and a thread that carries bytes both ways."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listener.getsockname()[1]
        self._whole, self._ended = threading.Event(), threading.Event()
        self._whole.set()
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._carry, name=f"cable:{self.port}", daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """From now on nothing arrives, in either direction; nobody is told."""
        self._whole.clear()

    def mend(self) -> None:
        """What lies in it arrives now, and all that follows."""
        self._whole.set()

    def close(self) -> None:
        """Drop every connection."""
        self._ended.set()
        self._whole.set()
        self._thread.join()
        for end in list(self._pairs):
            end.close()
        self._listener.close()
        self._selector.close()

    def _carry(self) -> None:
        while not self._ended.is_set():
            self._whole.wait()
            for key, _ in self._selector.select(timeout=0.05):
                if not self._whole.is_set():
                    break  # it was cut between two chunks
                if key.fileobj is self._listener:
                    self._connect()
                elif isinstance(key.fileobj, socket.socket):
                    self._hand_over(key.fileobj)

    def _connect(self) -> None:
        near, _ = self._listener.accept()
        try:
            far = socket.create_connection(self._target)
        except OSError:
            near.close()
            return
        for end, other in ((near, far), (far, near)):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._pairs[end] = other
            self._selector.register(end, selectors.EVENT_READ)

    def _hand_over(self, end: socket.socket) -> None:
        other = self._pairs.get(end)
        if other is None:
            return  # its other end has been dropped in this very round
        try:
            data = end.recv(CHUNK)
            if data:
                other.sendall(data)
                return
        except OSError:
            pass  # reset by either side: both ends go
        for each in (end, other):
            with contextlib.suppress(KeyError):
                self._selector.unregister(each)
            self._pairs.pop(each, None)
            each.close()


class Cables:
    """All cables of one host: to the database, the broker and the result backend."""

    NAMES = ("DATABASE_URL", "CELERY_BROKER_URL", "CELERY_RESULT_BACKEND")

    def __init__(self, environment: dict[str, str]) -> None:
        self._cables: list[Cable] = []
        self.environment: dict[str, str] = {}
        """What the host's processes are told instead of the servers' own addresses."""
        for name in self.NAMES:
            parts = urlsplit(environment[name])
            assert parts.hostname is not None
            assert parts.port is not None
            cable = Cable(parts.hostname, parts.port)
            self._cables.append(cable)
            account, at, _ = parts.netloc.rpartition("@")
            self.environment[name] = urlunsplit(
                parts._replace(netloc=f"{account}{at}{LOOPBACK}:{cable.port}")
            )

    def cut(self) -> None:
        """Cut the host off from everything."""
        for cable in self._cables:
            cable.cut()

    def mend(self) -> None:
        """Join it again."""
        for cable in self._cables:
            cable.mend()

    def close(self) -> None:
        """Drop every connection."""
        for cable in self._cables:
            cable.close()


@contextlib.contextmanager
def cables(environment: dict[str, str]) -> Iterator[Cables]:
    """The cables of one more host."""
    made = Cables(environment)
    try:
        yield made
    finally:
        made.close()
