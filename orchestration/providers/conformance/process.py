"""A sandbox in a process of its own, for tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4


@dataclass(frozen=True)
class RunningSandbox:
    """A sandbox that serves."""

    url: str
    secret: str
    ledger: Path
    process: subprocess.Popen[str]

    def freeze(self) -> None:
        """Stop it as a whole: connections are taken by the kernel, and nobody answers."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)


def environment_of(variables: str, ledger: Path, changes: Mapping[str, str]) -> dict[str, str]:
    """Return all that a sandbox needs of its environment, on a free port and with a secret of its own."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        f"{variables}_PORT": "0",
        f"{variables}_LEDGER": str(ledger),
        f"{variables}_SECRET": uuid4().hex,
        f"{variables}_HANG_SECONDS": "4",
        **changes,
    }


@contextmanager
def running_sandbox(
    module: str, variables: str, ledger: Path, changes: Mapping[str, str]
) -> Iterator[RunningSandbox]:
    """Run `python -m module` on a free port, and make sure that it has ended afterwards.

    Args:
        module: it calls `providers.sandbox.serve`.
        variables: how the names of its variables begin; it gets `…_PORT`, `…_LEDGER`, `…_SECRET` and `…_HANG_SECONDS`.
        ledger: its ledger file.
        changes: more variables, or other values of those.
    """
    environment = environment_of(variables, ledger, changes)
    process = subprocess.Popen(
        [sys.executable, "-m", module], env=environment, stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            url = process.stdout.readline().rpartition(" ")[2].strip() if process.stdout else ""
            if not url.startswith("http://127.0.0.1:"):
                raise RuntimeError(f"{module} did not start")
            secret = environment[f"{variables}_SECRET"]
            yield RunningSandbox(url=url, secret=secret, ledger=ledger, process=process)
        finally:
            process.kill()
