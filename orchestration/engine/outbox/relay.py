"""One relay thread per process: sends the outbox soon after a commit, so that no request talks to the broker.

It is only the fast path. What it does not send (the process died, the broker was down) a worker's heartbeat sends.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time

from django.db import Error as DatabaseError

from orchestration.engine.database.connection import connection
from orchestration.engine.messages.transport import carried_by_hand
from orchestration.engine.outbox.drain import drain
from orchestration.errors import SendFailed

logger = logging.getLogger(__name__)

IDLE_SECONDS = 5.0
"""A relay with nothing to do closes its connection after so long, and its thread ends."""

LONGEST_PAUSE = 5.0
"""A relay whose broker is away tries again after 1, 2, 4, then every 5 seconds, however often it is woken meanwhile."""


class _Relay:
    def __init__(self) -> None:
        self._wanted = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()
        self._pause = 0.0
        self._idle = threading.Event()
        self._idle.set()

    def wake(self) -> None:
        with self._lock:
            self._wanted.set()
            self._idle.clear()
            # A pool child inherits this object by fork, but not its thread.
            if self._thread is None or not self._thread.is_alive() or self._pid != os.getpid():
                self._pid = os.getpid()
                self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
                self._thread.start()

    def flush(self, seconds: float) -> None:
        """Wait until everything that was asked for is sent, but no longer than so."""
        if self._pid == os.getpid() and self._thread is not None and self._thread.is_alive():
            self._idle.wait(seconds)

    def _run(self) -> None:
        try:
            while True:
                if not self._wanted.wait(IDLE_SECONDS):
                    with self._lock:
                        if not self._wanted.is_set():
                            self._thread = None
                            return
                self._wanted.clear()
                self._drain()
                with self._lock:
                    if not self._wanted.is_set():
                        self._idle.set()
        finally:
            self._idle.set()
            connection.close()

    def _drain(self) -> None:
        try:
            while drain():
                pass
            self._pause = 0.0
        except SendFailed as error:
            logger.warning("relay: the broker is away, messages wait: %s", error)
            self._pause = min(LONGEST_PAUSE, 2 * self._pause or 1.0)
            time.sleep(self._pause)  # a request that wakes it meanwhile is served by the next round
        except DatabaseError as error:
            logger.warning("relay: the database is away, the heartbeat will send: %s", error)
            connection.close()
        except Exception:
            # The thread must outlive any single message; a worker's sweep sends what is left.
            logger.exception("relay: a message could not be sent")


_relay = _Relay()
AT_EXIT_SECONDS = 1.0
"""How long a process that ends (a command, a cron job) waits for its relay; what is left a worker's heartbeat sends."""
atexit.register(lambda: _relay.flush(AT_EXIT_SECONDS))


def wake() -> None:
    """Have this process's relay send what is unsent; returns at once."""
    if not carried_by_hand():
        _relay.wake()
