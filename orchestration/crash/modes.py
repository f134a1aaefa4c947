"""What happens at an armed crash point: the process dies, freezes, errs, or loses its database."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time

MODES: dict[str, str] = {
    "kill": "SIGKILL to the process itself",
    "kill_group": "SIGKILL to the whole worker",
    "raise": "an unexpected exception",
    "hang": "SIGSTOP, to be woken when its lease has run out",
    "cut_db": "the database connection is cut",
    "ambiguous": "the commit happens, and the client sees an error",
}
"""What happens there."""


class CrashHere(Exception):
    """An exception nobody expects, thrown by mode `raise`."""


def crash(mode: str, token: str) -> None:
    """Fail as `mode` says. Returns only where the process goes on: after a freeze, or without its connection.

    Args:
        mode: one of MODES.
        token: stands in the message of what is raised.
    """
    match mode:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)  # whichever thread the signal was given to: nothing of ours runs after it
        case "kill_group":
            os.killpg(os.getpgrp(), signal.SIGKILL)
            time.sleep(60)
        case "hang":
            # To this thread: given to the process, another one may take it, and this one run on for a moment.
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
        case "raise":
            raise CrashHere(token)
        case "cut_db":
            _cut_database()
        case _:
            from django.db import OperationalError

            raise OperationalError(
                f"server closed the connection unexpectedly (the commit may have happened): {token}"
            )


def backend_of_connection() -> int:
    """Process id of the server's end of this thread's database connection, which is opened where there is none yet."""
    from orchestration.engine.database.connection import connection

    connection.ensure_connection()
    return int(connection.connection.info.backend_pid)


def _cut_database() -> None:
    from orchestration.engine.database.connection import connection

    # A duplicate of the descriptor, so that only the conversation ends and not somebody else's file.
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.connection.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)
