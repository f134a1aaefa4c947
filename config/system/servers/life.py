"""Whether a server still lives: a child of ours by its exit status, one that another command has started by the system's word.

That a server does not answer says nothing of it: it may be frozen, recover from a crash, or have no connection left. Only one that has
ended may be started again, or two of them would write the same files.
"""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path

import psutil

from config.system.servers.process import wait_until

STOPS_WITHIN = 10.0
"""Seconds that a server is given to end by itself: PostgreSQL writes all its pages then."""


class Life:
    """The process of one server, once it is known."""

    def __init__(self) -> None:
        self.child: subprocess.Popen[bytes] | None = None
        self._adopted: psutil.Process | None = None

    @property
    def pid(self) -> int | None:
        """The number of its process, if it is known and lives."""
        if self.child is not None:
            return self.child.pid if self.child.poll() is None else None
        return self._adopted.pid if self._adopted is not None and not self.has_ended() else None

    def begin(self, child: subprocess.Popen[bytes]) -> None:
        """Watch a process that was started by this one."""
        self.child, self._adopted = child, None

    def adopt(self, pid: int | None) -> None:
        """Watch a process that somebody else has started."""
        if self.child is None and pid is not None:
            with suppress(psutil.Error):
                self._adopted = psutil.Process(pid)

    def forget(self) -> None:
        """Watch nothing any more."""
        self.child = self._adopted = None

    def has_ended(self) -> bool:
        """Whether a process that was watched is no more."""
        if self.child is not None:
            return self.child.poll() is not None
        if self._adopted is None:
            return False
        try:
            return not self._adopted.is_running() or self._adopted.status() == psutil.STATUS_ZOMBIE
        except psutil.Error:
            return True


def still_works_in(pid: int, folder: Path) -> bool:
    """Say whether a process works in a folder and goes on to: one whose `up` was killed is told to stop, and takes a moment for it."""
    return not wait_until(lambda: not works_in(pid, folder), seconds=STOPS_WITHIN)


def works_in(pid: int, folder: Path) -> bool:
    """Say whether a process lives and works in a folder: after a crash of the machine its number may be another's."""
    with suppress(psutil.Error, OSError):
        return Path(psutil.Process(pid).cwd()) == folder.resolve()
    return False
