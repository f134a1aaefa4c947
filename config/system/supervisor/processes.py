"""Keeps processes running: their lines with coloured names, a dead one started again with back-off, all stopped in order.

Invariant: a child is started from the main thread and tied to this process, so none survives it; when one dies, what it had
started dies with it before its successor starts.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from honcho.colour import get_colours
from honcho.printer import Message, Printer

from config.system.boot.paths import PROJECT
from config.system.boot.progress import lost_where_full
from config.system.servers.process import launch_command
from config.system.supervisor.programs import Program
from config.system.supervisor.record import ProcessRecord, started_at

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 30.0
_STEADY = 20.0
"""Seconds after which a process counts as sound again, and its next restart waits the shortest time."""


@dataclass(slots=True)
class Child:
    """One program and the process that runs it now."""

    program: Program
    colour: str
    process: subprocess.Popen[bytes] | None = None
    began: float = 0.0
    wait: float = _FIRST_WAIT
    due: float = 0.0
    restarts: int = 0


class Processes:
    """The children of one supervisor. `changed` is called whenever one was started or has ended."""

    def __init__(self, environment: dict[str, str], changed: Callable[[], None]) -> None:
        self.environment = environment
        self._changed = changed
        self._children: list[Child] = []
        self._lines: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._colours = get_colours()
        self._printer = Printer(sys.stdout, width=8)

    def start(self, programs: list[Program]) -> None:
        """Start `programs` and keep them running from now on."""
        for program in programs:
            child = Child(program, next(self._colours))
            self._children.append(child)
            self._try_to_spawn(child)
        self._changed()

    def tell(self, text: str) -> None:
        """Print a line of the supervisor's own."""
        self._print(Message("line", text, datetime.datetime.now(), "up", None))  # noqa: DTZ005 - the reader's clock

    def tend(self, seconds: float) -> None:
        """Print the children's lines for `seconds`, and start again what has died."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                self._print(self._lines.get(timeout=min(left, 0.1)))
            for child in self._children:
                self._look_after(child)

    def not_ready(self) -> list[str]:
        """Return the names of the programs that do not do their work yet."""
        return [c.program.name for c in self._children if c.process is None or not c.program.is_ready()]

    def records(self) -> list[ProcessRecord]:
        """Return the running processes."""
        return [
            ProcessRecord(
                c.program.role, c.program.name, c.process.pid, started_at(c.process.pid) or 0.0, c.restarts
            )
            for c in self._children
            if c.process is not None
        ]

    def stop(self, *, seconds: float) -> None:
        """Ask every child to end, and after `seconds` end those that have not, with all they have started."""
        running = [(child, child.process) for child in self._children if child.process is not None]
        for _, process in running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not all(_has_ended(process.pid) for _, process in running):
            # Whoever read it may be gone: the rest is stopped all the same.
            with contextlib.suppress(queue.Empty, BrokenPipeError):
                self._print(self._lines.get(timeout=0.05))
        for child, process in running:
            _bury(process)
            child.process = None

    def _print(self, message: Message) -> None:
        """Print a line, or lose it; raises BrokenPipeError where nobody reads."""
        with lost_where_full():
            self._printer.write(message)

    def _try_to_spawn(self, child: Child) -> None:
        """Start a child, or say why not and try again later: the others are looked after meanwhile."""
        try:
            self._spawn(child)
        except (OSError, ValueError, RuntimeError) as error:
            child.due = time.monotonic() + child.wait
            self.tell(f"{child.program.name} cannot be started ({error}); trying again in {child.wait:g} s")
            child.wait = min(child.wait * 2, _LONGEST_WAIT)

    def _spawn(self, child: Child) -> None:
        command = launch_command(child.program.command, account=None, death_signal=signal.SIGKILL)
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=PROJECT,
            env={
                **child.program.without_foreign_secrets({**os.environ, **self.environment}),
                **child.program.environment,
                "PYTHONUNBUFFERED": "1",
            },
            # A terminal's Ctrl-C must reach this supervisor only: the others are stopped in order.
            start_new_session=True,
        )
        try:
            threading.Thread(target=self._read, args=(child, process), daemon=True).start()
        except RuntimeError:  # no more threads: unread, it would stand still at its first lines
            _bury(process)
            raise
        child.process, child.began = process, time.monotonic()

    def _read(self, child: Child, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None  # noqa: S101 - it was started with a pipe
        for line in process.stdout:
            now = datetime.datetime.now()  # noqa: DTZ005 - the reader's clock
            self._lines.put(Message("line", line, now, child.program.name, child.colour))
        process.stdout.close()

    def _look_after(self, child: Child) -> None:
        now = time.monotonic()
        if child.process is None:
            if now >= child.due:
                child.restarts += 1
                self._try_to_spawn(child)
                self._changed()
            return
        if not _has_ended(child.process.pid):
            return
        status = _bury(child.process)
        child.process = None
        if now - child.began > _STEADY:
            child.wait = _FIRST_WAIT
        child.due = now + child.wait
        self.tell(f"{child.program.name} ended ({_in_words(status)}); starting it again in {child.wait:g} s")
        child.wait = min(child.wait * 2, _LONGEST_WAIT)
        self._changed()


def _has_ended(pid: int) -> bool:
    """Return whether our child has ended, leaving it unburied: its number, and its group's, stay its own."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def _bury(process: subprocess.Popen[bytes]) -> int:
    """End what is left of a child's session (a dead worker's pool, say) and return its exit status."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def _in_words(status: int) -> str:
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
