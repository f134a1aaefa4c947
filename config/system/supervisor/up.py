"""`manage.py up`: sets everything up and runs the whole system until Ctrl-C.

Invariant: one `up` per data folder (it holds the supervisor lock), and when it ends, in whatever way, its processes end with
it and its servers stop cleanly.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import uuid
from contextlib import ExitStack, suppress

import psutil
import psycopg2

from config.system.boot.paths import DataFolder
from config.system.boot.progress import Refusal, lost_where_full, say
from config.system.servers.credentials import note_passwords_shown, passwords_were_shown
from config.system.servers.embedded import EmbeddedServers
from config.system.servers.outside import refuse_unreachable
from config.system.servers.remembered import OWNER_URL, recall, remember
from config.system.supervisor.empty import empty_folder
from config.system.supervisor.ending import Ending
from config.system.supervisor.leftovers import RUN_ID, end_leftovers
from config.system.supervisor.options import already_runs, close_to_strangers, parse, refuse_taken_ports
from config.system.supervisor.prepare import Prepared, prepare
from config.system.supervisor.processes import Processes
from config.system.supervisor.programs import Places, application, remove_ready_files, services
from config.system.supervisor.record import (
    ProcessRecord,
    SystemRecord,
    lock_supervisor,
    read_record,
    started_at,
    write_record,
)

_SEE_FILE = "the password in secrets.json"
_READY_WITHIN = 90.0
_STOP_WITHIN = 5.0
_TRY_AGAIN_AFTER = 5.0


def up(arguments: list[str], folder: DataFolder) -> int:
    """Run the system on `folder` until it is told to stop; return the exit status (0 after Ctrl-C or SIGTERM)."""
    chosen = parse(arguments)
    ending = Ending()
    ending.listen()
    folder.make()
    for name in recall(folder):
        say(
            f"with the server of the last `up` ({name}); set {name} to an empty text to go back to the embedded one"
        )
    close_to_strangers(chosen.host)
    lock = lock_supervisor(folder)
    if lock is None:
        raise Refusal(already_runs(folder))
    with lock:
        return _System(folder, chosen, ending).run()


class _System:
    """One run of `up`."""

    def __init__(self, folder: DataFolder, chosen: argparse.Namespace, ending: Ending) -> None:
        self._folder = folder
        self._chosen = chosen
        self._ending = ending
        self._record = SystemRecord(run_id=uuid.uuid4().hex)
        self._began = time.monotonic()
        self._processes: Processes | None = None
        self._servers: EmbeddedServers | None = None
        self._next_try: dict[str, float] = {}
        """When a server that could not be started again is tried once more, by its role."""

    def run(self) -> int:
        former = read_record(self._folder)
        if former is not None and (count := end_leftovers(former.run_id, seconds=2)):
            say(f"ended {count} processes that a killed `up` had left")
        refuse_taken_ports(self._chosen, self._folder)
        if self._chosen.fresh:
            empty_folder(self._folder)
        remove_ready_files(self._folder.run)
        self._write_record()
        try:
            self._start()
            while not self._ending.asked:
                self._tend()
            return 0
        except (SystemExit, BrokenPipeError):
            return 0
        finally:
            self._stop()

    def _start(self) -> None:
        outside = os.environ
        if outside.get(OWNER_URL) and not outside.get("DATABASE_URL"):
            raise Refusal(
                f"{OWNER_URL} names the owner of a database, and DATABASE_URL names none. Set both, or neither."
            )
        refuse_unreachable(
            databases=[outside.get("DATABASE_URL", ""), outside.get(OWNER_URL, "")],
            broker=outside.get("CELERY_BROKER_URL", ""),
            results=outside.get("CELERY_RESULT_BACKEND", ""),
        )
        remember(self._folder)
        servers = self._servers = EmbeddedServers(self._folder)
        servers.ports.keep("web", self._chosen.port)
        servers.ports.keep("flower", self._chosen.flower_port)
        places = Places(
            host=self._chosen.host, port=self._chosen.port, flower_port=self._chosen.flower_port,
            gateway_port=servers.ports.choose("gateway"), carrier_port=servers.ports.choose("carrier"),
        )  # fmt: skip
        self._record.addresses = places.addresses()
        servers.start(tied=True)
        environment = {**servers.environment(), RUN_ID: self._record.run_id}
        processes = self._processes = Processes(environment, self._write_record)
        say("starting the payment gateway, the carrier and Flower")
        processes.start(services(places, servers.credentials.flower_password))
        say("preparing the tables, the catalog and the admin account")
        prepared = prepare(
            environment, servers.credentials.admin_password, while_waiting=lambda: processes.tend(0.1)
        )
        say("starting the web server and the workers")
        processes.start(application(places, self._folder))
        self._wait_until_ready()
        self._greet(prepared)

    def _wait_until_ready(self) -> None:
        processes = self._processes_()
        deadline = time.monotonic() + _READY_WITHIN
        while missing := processes.not_ready():
            if time.monotonic() > deadline:
                processes.tell(
                    f"still not ready: {', '.join(missing)}; its lines above say why. The rest runs."
                )
                break
            processes.tend(0.1)
        self._record.state = "running"
        self._write_record()

    def _greet(self, prepared: Prepared) -> None:
        servers = self._servers_()
        addresses = self._record.addresses
        shown = sys.stdout.isatty() and not passwords_were_shown(self._folder)
        admin = prepared.login if shown or not prepared.is_secret else f"admin / {_SEE_FILE}"
        flower = f"admin / {servers.credentials.flower_password if shown else _SEE_FILE}"
        lines = [
            "",
            f"Orderly is ready ({time.monotonic() - self._began:.1f} s). Ctrl-C stops everything.",
            "",
            f"  Storefront  {addresses['storefront']}",
            f"  Admin       {addresses['admin']:<36} {admin}",
            f"  API docs    {addresses['api_docs']}",
            f"  Flower      {addresses['flower']:<36} {flower}",
            "",
            f"  Passwords are kept in {self._folder.secrets}, for its owner's eyes only.",
            "",
        ]
        if shown:
            note_passwords_shown(self._folder)
        with lost_where_full():
            print("\n".join(lines), flush=True)  # noqa: T201 - what the command is asked for

    def _tend(self) -> None:
        """Look after everything for a second. Whatever goes wrong with one part, the rest runs on."""
        try:
            self._processes_().tend(1.0)
            self._revive_servers()
        except (Refusal, OSError, ValueError, psutil.Error, psycopg2.Error) as error:
            if isinstance(error, BrokenPipeError):
                raise  # whoever read what it says is gone
            self._processes_().tell(f"{type(error).__name__}: {error}")

    def _revive_servers(self) -> None:
        """Start a server again that has ended. One that only does not answer is left alone: it may be frozen, or recover."""
        for server in self._servers_().all:
            if not server.life.has_ended() or time.monotonic() < self._next_try.get(server.role, 0.0):
                continue
            self._processes_().tell(f"{server.role} ended; starting it again")
            self._next_try[server.role] = time.monotonic() + _TRY_AGAIN_AFTER
            self._servers_().revive(server)
            self._write_record()

    def _write_record(self) -> None:
        own = os.getpid()
        known = [ProcessRecord("supervisor", "up", own, started_at(own) or 0.0)]
        if self._servers is not None:
            for server in self._servers.all:
                if (pid := server.pid) is not None:
                    known.append(ProcessRecord(server.role, server.role, pid, started_at(pid) or 0.0))
        if self._processes is not None:
            known += self._processes.records()
        self._record.processes = known
        write_record(self._folder, self._record)

    def _stop(self) -> None:
        # A signal would leave processes behind; what follows is bounded in time by itself.
        self._ending.asked = True
        say("stopping")
        self._record.state = "stopping"
        with ExitStack() as steps:  # the last one first, and each of them whatever becomes of those before it
            steps.callback(self._note_stopped)
            if self._servers is not None:
                steps.callback(self._servers.stop)
            steps.callback(end_leftovers, self._record.run_id, seconds=0)
            if self._processes is not None:
                steps.callback(self._processes.stop, seconds=_STOP_WITHIN)

    def _note_stopped(self) -> None:
        self._record.processes = []
        self._record.state = "stopped"
        with suppress(OSError):  # nobody needs it: the lock says the same
            write_record(self._folder, self._record)
        say("stopped; the data is kept for the next `up`")

    def _processes_(self) -> Processes:
        assert self._processes is not None  # noqa: S101 - made by _start
        return self._processes

    def _servers_(self) -> EmbeddedServers:
        assert self._servers is not None  # noqa: S101 - made by _start
        return self._servers
