"""Ports on the loopback: kept from run to run where they are free, chosen anew where they are not.

The number given is free at this moment only; whoever starts a server on it must be ready to ask again.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
from pathlib import Path

import psutil

from config.system.boot.progress import Refusal

LOOPBACK = "127.0.0.1"


class Ports:
    """The ports of one data folder by name, kept in a file; not for use by two processes at once."""

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            self._kept: dict[str, int] = json.loads(file.read_text())
        except (OSError, ValueError):
            self._kept = {}

    def kept(self, name: str) -> int | None:
        """Return the port last used for `name`, free or not."""
        return self._kept.get(name)

    def keep(self, name: str, port: int) -> int:
        """Remember `port` for `name` and return it."""
        if self._kept.get(name) != port:
            self._kept[name] = port
            unfinished = self._file.with_suffix(f".{os.getpid()}")
            unfinished.write_text(json.dumps(self._kept))
            unfinished.replace(self._file)
        return port

    def again(self, name: str) -> int:
        """Return the port last used for `name`, whether or not it is free, or else a free one."""
        return self._kept.get(name) or self.choose(name)

    def choose(self, name: str) -> int:
        """Return a free port for `name`, the last one again where possible, and remember it."""
        last = self._kept.get(name)
        if last is not None and is_free(LOOPBACK, last):
            return last
        return self.keep(name, free_port())


def free_port() -> int:
    """Return a loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(host: str, port: int) -> bool:
    """Return whether a server could listen on `host` and `port` now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # As servers do: connections of a former run that are still closing are not in the way.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return False
            raise Refusal(
                f"cannot listen on {host}:{port}: {error.strerror}. Choose another --host."
            ) from error
    # Servers that share their port (SO_REUSEPORT) would let us in beside them, and split the requests.
    return not answers(host, port)


def answers(host: str, port: int) -> bool:
    """Return whether something accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def who_listens(port: int) -> str:
    """Return the program listening on `port` in words, as far as we may know it."""
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status != psutil.CONN_LISTEN or not connection.laddr or not connection.pid:
                continue
            if connection.laddr.port == port:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    return "another program"
