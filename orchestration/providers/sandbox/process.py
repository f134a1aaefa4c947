"""A sandbox as a process: all it needs comes from the environment, and it runs until SIGTERM or Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from orchestration.providers.sandbox.server import SandboxServer


def serve(name: str, build: Callable[[], SandboxServer]) -> int:
    """Serve; 0 after an orderly end, 2 when it cannot start (with a sentence on stderr that says why)."""
    try:
        server = build()
    except (ValueError, OSError, OverflowError) as error:
        sys.stderr.write(f"The sandbox {name} cannot start: {error}\n")
        return 2

    def stop(*_: object) -> None:
        server.stopping.set()
        # shutdown() waits for serve_forever, which runs in this very thread.
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    server.sandbox.start()
    sys.stdout.write(f"sandbox {name} listening on {server.url}\n")
    sys.stdout.flush()
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    server.sandbox.close()
    return 0


def required(name: str) -> str:
    """Return the value of a variable of the environment, or of the file that `<name>_FILE` names.

    Raises:
        ValueError: it is not set.
    """
    file = os.environ.get(f"{name}_FILE", "")
    value = Path(file).read_text().strip() if file else os.environ.get(name, "")
    if not value:
        raise ValueError(f"set {name} in the environment, or {name}_FILE")
    return value


def ledger_file(name: str) -> Path:
    """Return the path in a required variable, in a folder that is there."""
    path = Path(required(name))
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
