"""A Valkey of a test's own, which may be filled up, stopped or cut off without harm to the others."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from redis import Redis

from config.system.boot.paths import DataFolder
from config.system.servers.host import Host
from config.system.servers.ports import Ports
from config.system.servers.valkey import Valkey


class OwnValkey:
    """One server, and what a test does to it."""

    def __init__(self, server: Valkey) -> None:
        self._server = server
        self.port = urlsplit(server.url(0)).port or 0
        self.admin = Redis.from_url(server.admin_url(0), socket_timeout=5)

    def url(self, database: int = 0) -> str:
        return self._server.url(database)

    def become_a_replica(self) -> None:
        """From now on it takes no writes, as a server that another one has taken over from."""
        self.admin.replicaof("127.0.0.1", "1")

    def become_a_master(self) -> None:
        self.admin.replicaof("no", "one")

    def fill_up(self) -> None:
        """From now on it has no memory left: it refuses every write."""
        self.admin.config_set("maxmemory", 1)

    def make_room(self) -> None:
        self.admin.config_set("maxmemory", 0)


@contextmanager
def own_valkey() -> Iterator[OwnValkey]:
    """Start one with our own settings; it is gone with its data at the end."""
    folder = DataFolder(Path(tempfile.mkdtemp(prefix="orderly-valkey-")))
    folder.make()
    server = Valkey(
        folder=folder, ports=Ports(folder.root / "ports.json"), host=Host(folder), password="own-of-a-test",
        application_password="of-its-application",
    )  # fmt: skip
    server.start(tied=True)
    try:
        server.wait(seconds=30)
        own = OwnValkey(server)
        yield own
        own.admin.close()
    finally:
        server.stop(seconds=5)
        shutil.rmtree(folder.root, ignore_errors=True)
