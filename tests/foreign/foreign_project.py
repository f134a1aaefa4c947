"""What somebody else's projects have in common: a copy in a folder, commands that end, and a worker."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from tests.bootstrap.running_system import wait_until


class ForeignProject:
    """Where it lies, the Python that runs it, and what it is told."""

    application: ClassVar[str]
    """Module of its Celery app."""
    queues: ClassVar[str]
    """What its worker takes."""
    command: ClassVar[tuple[str, ...]] = ()
    """What stands between Python and the arguments."""
    folder: Path
    log: Path
    """Of its worker."""
    python: Path | str
    environment: dict[str, str]

    def ended(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command to the end."""
        return subprocess.run(
            [self.python, *self.command, *arguments],
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=90,
        )

    def run(self, *arguments: str, **environment: str) -> str:
        """Run a command that must succeed, and return what it prints."""
        ended = self.ended(*arguments, **environment)
        assert ended.returncode == 0, ended.stderr[-3000:]
        return ended.stdout

    @contextmanager
    def worker(self, *options: str) -> Iterator[None]:
        """A real worker of the project, until the block ends."""
        usual = ["-Q", self.queues, "-c", "2", "-l", "INFO"]
        with self.log.open("w") as out:
            process = subprocess.Popen(
                [self.python, "-m", "celery", "-A", self.application, "worker", *usual, *options],
                cwd=self.folder,
                env=self.environment,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        try:
            wait_until(lambda: " ready." in self.log.read_text(), "the worker is ready", 30)
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
