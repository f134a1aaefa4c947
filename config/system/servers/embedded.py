"""The servers of one data folder and what the processes must know of them.

Invariant: at most one process starts or stops them at a time (`start.lock`), and they are stopped by the last command that
used them (`users.lock`, held shared by each), or by the `up` that runs them.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO

from config.system.boot.paths import DataFolder
from config.system.boot.progress import Refusal, say
from config.system.servers.credentials import Credentials, load_credentials
from config.system.servers.host import Host
from config.system.servers.life import STOPS_WITHIN
from config.system.servers.ports import LOOPBACK, Ports
from config.system.servers.postgres import Postgres
from config.system.servers.process import wait_until
from config.system.servers.roles import Passwords
from config.system.servers.valkey import Valkey


class EmbeddedServers:
    """PostgreSQL and Valkey of `folder`, each unless the environment names the person's own."""

    def __init__(self, folder: DataFolder, *, throw_away: bool = False) -> None:
        folder.make()
        self._folder = folder
        with self._start_lock():
            self.credentials: Credentials = load_credentials(folder.secrets)
        self.ports = Ports(folder.root / "ports.json")
        broker = os.environ.get("CELERY_BROKER_URL", "")
        needs_valkey = not broker or (
            broker.startswith("amqp") and not os.environ.get("CELERY_RESULT_BACKEND")
        )
        needs_postgres = not os.environ.get("DATABASE_URL")
        self.postgres: Postgres | None = None
        self.valkey: Valkey | None = None
        host = Host(folder)
        if needs_postgres:
            self.postgres = Postgres(
                folder=folder, ports=self.ports, host=host, throw_away=throw_away,
                passwords=Passwords(
                    superuser=self.credentials.database_password,
                    owner=self.credentials.owner_database_password,
                    application=self.credentials.application_database_password,
                ),
            )  # fmt: skip
        if needs_valkey:
            self.valkey = Valkey(
                folder=folder, ports=self.ports, host=host, password=self.credentials.broker_password,
                application_password=self.credentials.application_broker_password,
            )  # fmt: skip
        self._users: IO[str] | None = None

    @property
    def all(self) -> list[Postgres | Valkey]:
        """The servers this system brings itself."""
        return [server for server in (self.postgres, self.valkey) if server is not None]

    def start(self, *, tied: bool, tended: Callable[[], bool] = lambda: False) -> None:
        """Have every server running: what runs already is adopted. Idempotent. Takes both locks (see the module).

        `tended`: whether an `up` runs on this folder. What has ended is started again by that, and ends with it.
        """
        wait_until(lambda: not tended() or all(s.is_running() for s in self.all), seconds=STOPS_WITHIN)
        with self._start_lock():
            if self._users is None:
                self._users = (self._folder.run / "users.lock").open("a")
                fcntl.flock(self._users, fcntl.LOCK_SH)
            missing = [server for server in self.all if not server.is_running()]
            if missing:
                say(
                    "starting "
                    + " and ".join({"postgres": "PostgreSQL", "valkey": "Valkey"}[s.role] for s in missing)
                )
            for server in self.all:
                if server not in missing:
                    server.life.adopt(server.pid)
            for server in missing:
                server.start(tied=tied)
            for server in missing:
                _wait(server, tied=tied)
            for server in self.all:
                server.ready()

    def revive(self, server: Postgres | Valkey) -> None:
        """Have a server that has ended running again, on its own port; raises Refusal with its last words. Takes the start lock."""
        with self._start_lock():
            if server.answers():  # another command could not wait, and has started it
                server.life.forget()
                server.life.adopt(server.pid)
                return
            server.start(tied=True, again=True)
            server.wait(seconds=30)
            server.ready()

    def leave(self) -> None:
        """Stop the servers unless another command still uses them."""
        with self._start_lock():
            if self._users is None:
                return
            with suppress(BlockingIOError):
                fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._stop()
            self._users.close()
            self._users = None

    def stop(self) -> None:
        """Stop the servers, whoever uses them."""
        with self._start_lock():
            self._stop()

    def environment(self) -> dict[str, str]:
        """Return what every process of the system finds in its environment."""
        outside = os.environ
        environment = {
            "DJANGO_SETTINGS_MODULE": outside.get("DJANGO_SETTINGS_MODULE", "config.settings"),
            "ORDERLY_DATA_DIR": str(self._folder.root),
            "ORDERLY_MAIL_DIR": outside.get("ORDERLY_MAIL_DIR", str(self._folder.mail)),
            "SECRET_KEY": outside.get("SECRET_KEY") or self.credentials.secret_key,
            "ORDERLY_API_TOKENS": outside.get("ORDERLY_API_TOKENS")
            or f"operator={self.credentials.api_token}",
            "ORDERLY_GATEWAY_SECRET": outside.get("ORDERLY_GATEWAY_SECRET")
            or self.credentials.gateway_secret,
            "ORDERLY_CARRIER_SECRET": outside.get("ORDERLY_CARRIER_SECRET")
            or self.credentials.carrier_secret,
            "ORDERLY_GATEWAY_LEDGER": str(self._folder.ledger("gateway")),
            "ORDERLY_CARRIER_LEDGER": str(self._folder.ledger("carrier")),
        }
        if self.postgres is not None:
            environment["DATABASE_URL"] = self.postgres.url
            environment["ORDERLY_OWNER_DATABASE_URL"] = self.postgres.owner_url
        if self.valkey is not None:
            environment.setdefault(
                "CELERY_BROKER_URL", outside.get("CELERY_BROKER_URL") or self.valkey.url(0)
            )
            environment["CELERY_RESULT_BACKEND"] = outside.get("CELERY_RESULT_BACKEND") or self.valkey.url(1)
        for name in ("gateway", "carrier"):
            upper = name.upper()
            port = self.ports.kept(name) or self.ports.choose(name)
            environment[f"ORDERLY_{upper}_PORT"] = str(port)
            environment[f"ORDERLY_{upper}_URL"] = outside.get(
                f"ORDERLY_{upper}_URL", f"http://{LOOPBACK}:{port}"
            )
        web = self.ports.kept("web") or 8000
        environment["ORDERLY_WEB_URL"] = outside.get("ORDERLY_WEB_URL", f"http://{LOOPBACK}:{web}")
        environment["ORDERLY_PORT"] = str(web)
        return environment

    def _stop(self) -> None:
        for server in reversed(self.all):
            server.stop(seconds=4)

    @contextmanager
    def _start_lock(self) -> Iterator[None]:
        with (self._folder.run / "start.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _wait(server: Postgres | Valkey, *, tied: bool) -> None:
    for attempt in (1, 2, 3):
        try:
            server.wait(seconds=30)
        except Refusal:
            # Its port may have been taken between our look and its start.
            if attempt == 3:
                raise
            server.start(tied=tied)
        else:
            return
