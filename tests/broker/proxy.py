"""A TCP proxy before a broker: passes everything, swallows every packet, or refuses."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Proxy:
    """Listens on one loopback port from its first to its last moment, but for the time when it refuses."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._passing = threading.Event()
        self._passing.set()
        self._lock = threading.Lock()
        self._links: set[socket.socket] = set()
        self._door = self._open(0)
        self.port: int = self._door.getsockname()[1]

    def swallow(self) -> None:
        """From now on nothing comes through, in neither direction; connections stay open, and new ones are taken and ignored."""
        self._passing.clear()

    def refuse(self) -> None:
        """From now on nobody listens; open connections are reset."""
        self._shut(self._door)
        self._reset_all()

    def mend(self) -> None:
        """Pass everything again; what was held up comes late, as TCP does it."""
        if self._door.fileno() == -1:
            self._door = self._open(self.port)
        self._passing.set()

    def close(self) -> None:
        self._shut(self._door)
        self._reset_all()
        self._passing.set()

    def _open(self, port: int) -> socket.socket:
        door = socket.socket()
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(("127.0.0.1", port))
        door.listen(256)
        threading.Thread(target=self._serve, args=(door,), name="proxy", daemon=True).start()
        return door

    def _serve(self, door: socket.socket) -> None:
        while True:
            try:
                client, _ = door.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target), timeout=10)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            with self._lock:
                self._links |= {client, server}
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(source, sink), name="proxy", daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                self._passing.wait()
                sink.sendall(data)
        self._passing.wait()  # nor does a farewell come through
        for link in (source, sink):
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
            link.close()
        with self._lock:
            self._links -= {source, sink}

    def _shut(self, door: socket.socket) -> None:
        with contextlib.suppress(OSError):
            door.shutdown(socket.SHUT_RDWR)  # wakes whoever accepts
        door.close()

    def _reset_all(self) -> None:
        with self._lock:
            links = list(self._links)
        for link in links:
            with contextlib.suppress(OSError):
                link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                link.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxy(target: int) -> Iterator[Proxy]:
    """A proxy before a loopback port."""
    made = Proxy(target)
    try:
        yield made
    finally:
        made.close()
