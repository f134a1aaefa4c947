"""PostgreSQL of one data folder, run from the wheel's programs on a loopback port with a generated password.

It is known as ours by accepting that password, never by a process id alone: nothing else is adopted or signalled. The data
is made in a folder of another name and moved into place when complete.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from urllib.parse import quote

import psycopg2

from config.system.boot.paths import DataFolder
from config.system.boot.progress import Refusal, say
from config.system.servers.host import Host
from config.system.servers.life import Life, still_works_in
from config.system.servers.ports import LOOPBACK, Ports
from config.system.servers.process import last_lines, launch_command, start_server, wait_until
from config.system.servers.roles import (
    APPLICATION,
    DATABASE,
    OWNER,
    SUPERUSER,
    Passwords,
    connect,
    ensure_roles,
)

_THROW_AWAY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
"""For data that need not outlive the machine: a test-suite is a third faster. A killed process still loses nothing."""


class Postgres:
    """The server of one data folder."""

    role = "postgres"

    def __init__(
        self, *, folder: DataFolder, ports: Ports, host: Host, passwords: Passwords,
        throw_away: bool,
    ) -> None:  # fmt: skip
        self._data = folder.postgres
        self._log = folder.run / "postgres.log"
        self._ports = ports
        self._host = host
        self._passwords = passwords
        self._throw_away = throw_away
        self.life = Life()

    @property
    def url(self) -> str:
        """The address for DATABASE_URL: of the application's role."""
        return self._url(APPLICATION, self._passwords.application)

    @property
    def owner_url(self) -> str:
        """The address for ORDERLY_OWNER_DATABASE_URL: of the role that owns the tables."""
        return self._url(OWNER, self._passwords.owner)

    @property
    def superuser_url(self) -> str:
        """The address of the role that administers the server, for nobody but the command that runs it."""
        return self._url(SUPERUSER, self._passwords.superuser)

    @property
    def pid(self) -> int | None:
        """The process id of the running server: of the one that is watched, else as PostgreSQL itself recorded it."""
        if (known := self.life.pid) is not None:
            return known
        try:
            return int((self._data / "postmaster.pid").read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            return None

    def is_running(self) -> bool:
        """Return whether our server lives and answers."""
        return not self.life.has_ended() and self.answers()

    def answers(self) -> bool:
        """Return whether a server answers on our port to our password, whoever has started it."""
        if self.port is None:
            return False
        try:
            connect(self.port, SUPERUSER, self._passwords.superuser, "postgres").close()
        except psycopg2.OperationalError:
            return False
        return True

    def start(self, *, tied: bool, again: bool = False) -> None:
        """Make the data where there is none, and start the server; raises Refusal where another one works on the same data.

        `tied`: it stops, cleanly, when this process dies. `again`: on the port it had, which every process of the system knows.
        """
        self._initialise()
        self._remove_stale_pid_file()
        command = [str(self._host.programs.postgres / "postgres"), "-D", str(self._data)]
        for setting in (
            f"port={self._ports.again('postgres') if again else self._ports.choose('postgres')}",
            f"listen_addresses={LOOPBACK}",
            "unix_socket_directories=",  # a path below a deep folder would pass the system's 107 bytes
            "max_connections=200",
            "shared_buffers=128MB",
            "jit=off",
            # Of a disk without a head. Otherwise a plan that is made while a table is small reads all of it, and is kept.
            "random_page_cost=1.1",
            "log_line_prefix=%m [%p] ",
            # Statements and details of errors hold what stands in rows: addresses, tokens of cards.
            "log_error_verbosity=terse",
            "log_min_error_statement=panic",
            *(_THROW_AWAY if self._throw_away else ()),
        ):
            command += ["-c", setting]
        self.life.begin(
            start_server(
                command,
                account=self._host.account,
                death_signal=signal.SIGINT if tied else None,
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
            raise Refusal(f"PostgreSQL did not start. The end of {self._log}:\n{last_lines(self._log)}")

    def ready(self) -> None:
        """Have its database and roles as they should be; a data folder of an older version is handed over. The server must run."""
        ensure_roles(self.port, self._passwords)

    def stop(self, *, seconds: float) -> None:
        """Stop the server if it is ours and runs: open transactions are rolled back, the data is left clean."""
        if self.life.has_ended():
            self.life.forget()  # it died, and its number in the file may be another's by now
        pid = self.pid
        if pid is None or not (self.life.pid is not None or self.is_running()):
            return
        for number, patience in ((signal.SIGINT, seconds), (signal.SIGQUIT, 2.0)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            if wait_until(lambda: self.pid is None or self.life.has_ended(), seconds=patience):
                break
        if self.life.child is not None:
            self.life.child.wait(timeout=5)
        self.life.forget()

    def _url(self, role: str, password: str) -> str:
        return f"postgres://{role}:{quote(password, safe='')}@{LOOPBACK}:{self.port or 1}/{DATABASE}"

    @property
    def port(self) -> int | None:
        """Where it listens, or has last listened."""
        return self._ports.kept("postgres")

    def _initialise(self) -> None:
        if (self._data / "PG_VERSION").exists():
            return
        say("making the PostgreSQL data")
        unfinished = self._data.with_name("postgres.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        password_file = unfinished.with_name("postgres.password")
        with os.fdopen(os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(self._passwords.superuser + "\n")
        if self._host.account is not None:
            self._host.account.own(unfinished)
            self._host.account.own(password_file)
        command = [
            str(self._host.programs.postgres / "initdb"), "-D", str(unfinished), "-U", SUPERUSER, f"--pwfile={password_file}",
            "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8", "--no-sync", "--no-instructions",
        ]  # fmt: skip
        try:
            done = subprocess.run(
                launch_command(command, account=self._host.account, death_signal=None),
                stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=self._data.parent,
                env={**os.environ, "LC_ALL": "C"},
            )  # fmt: skip
        finally:
            password_file.unlink()
        if done.returncode:
            raise Refusal(f"the PostgreSQL data could not be made:\n{done.stderr or done.stdout}")
        if not self._throw_away:
            os.sync()
        unfinished.rename(self._data)

    def _remove_stale_pid_file(self) -> None:
        pid = self.pid
        if pid is None:
            return
        if still_works_in(pid, self._data):
            raise Refusal(
                f"a PostgreSQL (process {pid}) uses {self._data} and does not answer: it is starting, stopping or frozen, has no connection"
                " left, or has another password than this folder's. Wait a moment and try again, or end that process."
            )
        (self._data / "postmaster.pid").unlink(missing_ok=True)
