"""Valkey of one data folder: the broker and the chord counters, on a loopback port with a generated password.

Every message is in its append-only file within a second and survives a killed process; it never throws a message out for
lack of memory. It is known as ours by accepting the password, and stopped by its own command.

It has two users. The application's may do everything with keys and messages, and nothing with the server: it cannot empty it, stop it,
or change how it runs. The other one is for the commands that run the server.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from hashlib import sha256
from pathlib import Path

from config.system.boot.paths import DataFolder
from config.system.boot.progress import Refusal
from config.system.servers.host import Host
from config.system.servers.life import Life, still_works_in
from config.system.servers.ports import LOOPBACK, Ports
from config.system.servers.process import last_lines, start_server, wait_until

APPLICATION = "orderly_app"
_ALLOWED = "~* &* +@all -@admin -@dangerous -@scripting +eval +evalsha +script|load +script|exists"
"""Kombu, Celery and the limits on requests need keys, channels, transactions and small scripts. A script may do what its user may.

`@dangerous` are FLUSHALL, FLUSHDB, CONFIG, DEBUG, SHUTDOWN, KEYS, MIGRATE, RESTORE, SWAPDB and their like.
"""


class Valkey:
    """The server of one data folder."""

    role = "valkey"

    def __init__(
        self, *, folder: DataFolder, ports: Ports, host: Host, password: str, application_password: str
    ) -> None:
        self._data = folder.valkey
        self._pid_file = folder.valkey / "valkey.pid"
        self._log = folder.run / "valkey.log"
        self._ports = ports
        self._host = host
        self._password = password
        self._application_password = application_password
        self.life = Life()

    def url(self, database: int) -> str:
        """The address of one of its numbered databases, for the application."""
        return self._url(f"{APPLICATION}:{self._application_password}", database)

    def admin_url(self, database: int) -> str:
        """The same for the user that administers the server, for nobody but the commands that run it."""
        return self._url(f":{self._password}", database)

    def _url(self, who: str, database: int) -> str:
        return f"redis://{who}@{LOOPBACK}:{self._ports.kept('valkey') or 1}/{database}"

    @property
    def pid(self) -> int | None:
        """The process id of the running server: of the one that is watched, else by its own word."""
        if (known := self.life.pid) is not None:
            return known
        for line in self._ask("INFO server").splitlines():
            if line.startswith("process_id:"):
                return int(line.partition(":")[2])
        return None

    def is_running(self) -> bool:
        """Return whether our server lives and answers."""
        return not self.life.has_ended() and self.answers()

    def answers(self) -> bool:
        """Return whether a server answers on our port to our password and has loaded its data, whoever has started it."""
        return "+PONG" in self._ask("PING")

    def start(self, *, tied: bool, again: bool = False) -> None:
        """Start the server; raises Refusal where another one works on the same data.

        `tied`: it stops, cleanly, when this process dies. `again`: on the port it had, which every process of the system knows.
        """
        self._data.mkdir(mode=0o700, exist_ok=True)
        self._refuse_a_second()
        configuration = self._data / "valkey.conf"
        configuration.unlink(missing_ok=True)
        settings = f"""\
bind {LOOPBACK}
port {self._ports.again("valkey") if again else self._ports.choose("valkey")}
protected-mode yes
requirepass {self._password}
user {APPLICATION} {self._rules()}
dir {_quoted(self._data)}
pidfile {_quoted(self._pid_file)}
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
daemonize no
"""
        with os.fdopen(os.open(configuration, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(settings)
        if self._host.account is not None:
            self._host.account.own(self._data)
            self._host.account.own(configuration)
        self.life.begin(
            start_server(
                [str(self._host.programs.valkey), str(configuration)],
                account=self._host.account,
                death_signal=signal.SIGTERM if tied else None,
                log=self._log,
                cwd=self._data.parent,
            )
        )

    def wait(self, *, seconds: float) -> None:
        """Wait until the started server answers; raises Refusal with its last words."""
        child = self.life.child
        assert child is not None  # noqa: S101 - start() was called
        if (
            not wait_until(lambda: self.is_running() or child.poll() is not None, seconds=seconds)
            or child.poll() is not None
        ):
            raise Refusal(f"Valkey did not start. The end of {self._log}:\n{last_lines(self._log)}")

    def ready(self) -> None:
        """Have the application's user as it should be, also in a server that an older version has started."""
        if "+PONG" not in self._ask("PING", who=f"{APPLICATION} {self._application_password}"):
            self._ask(f"ACL SETUSER {APPLICATION} {self._rules()}")

    def stop(self, *, seconds: float) -> None:
        """Stop the server if it is ours and runs; its file is complete when it has ended."""
        child = self.life.child
        if child is not None and child.poll() is None:
            child.terminate()
            try:
                child.wait(timeout=seconds)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        elif self.is_running():
            self._ask("SHUTDOWN")
            wait_until(lambda: not self.is_running(), seconds=seconds)
        self.life.forget()

    def _refuse_a_second(self) -> None:
        """Two servers would write one append-only file."""
        with contextlib.suppress(OSError, ValueError):
            pid = int(self._pid_file.read_text())
            if still_works_in(pid, self._data):
                raise Refusal(
                    f"a Valkey (process {pid}) uses {self._data} and does not answer: it is starting or frozen, or has another password than"
                    " this folder's. Wait a moment and try again, or end that process."
                )

    def _rules(self) -> str:
        # By its hash: the file and the command hold no password that is used elsewhere in clear.
        return f"reset on #{sha256(self._application_password.encode()).hexdigest()} {_ALLOWED}"

    def _ask(self, command: str, *, who: str = "") -> str:
        port = self._ports.kept("valkey")
        if port is None:
            return ""
        with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=2) as link:
            link.sendall(f"AUTH {who or self._password}\r\n".encode())
            if not link.recv(256).startswith(b"+OK"):
                return ""  # not ours
            link.sendall(f"{command}\r\n".encode())
            return link.recv(65536).decode(errors="replace")
        return ""


def _quoted(path: Path) -> str:
    """A path as Valkey's configuration reads it, also with quotation marks and backslashes in it."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
