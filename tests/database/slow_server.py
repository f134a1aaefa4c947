"""A proxy before the test's database that holds back every answer, as a slow disk or a far server does."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from django.db import connection


@dataclass
class SlowServer:
    """Counts what it has held back."""

    delay: float
    answers: int = 0


@contextmanager
def slow_server(delay: float) -> Iterator[SlowServer]:
    """Every new connection of this process goes through the proxy; each answer takes `delay` seconds more."""
    settings = connection.settings_dict
    direct = (settings["HOST"], settings["PORT"])
    door = socket.create_server(("127.0.0.1", 0))
    slow = SlowServer(delay)
    pairs: list[socket.socket] = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                ours, _ = door.accept()
                theirs = socket.create_connection((direct[0], int(direct[1])))
                pairs.extend((ours, theirs))
                threading.Thread(target=_carry, args=(ours, theirs, None), daemon=True).start()
                threading.Thread(target=_carry, args=(theirs, ours, slow), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    connection.close()
    settings.update(HOST="127.0.0.1", PORT=str(door.getsockname()[1]))
    try:
        yield slow
    finally:
        connection.close()
        settings.update(HOST=direct[0], PORT=direct[1])
        with suppress(OSError):
            door.shutdown(socket.SHUT_RDWR)
        door.close()
        for each in pairs:
            each.close()


def _carry(source: socket.socket, target: socket.socket, slow: SlowServer | None) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            if slow is not None:
                time.sleep(slow.delay)  # this is the fault
                slow.answers += 1
            target.sendall(data)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
