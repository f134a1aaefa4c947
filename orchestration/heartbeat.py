"""The heartbeat of every Celery worker: a thread of its main process that sweeps. No extra process to forget.

It has a database connection of its own and does nothing in the consumer's loop. Pool children forked meanwhile inherit
the connection object but never use or close it: psycopg2 closes only what its own process opened.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from celery.signals import worker_ready, worker_shutting_down
from django.db import Error as DatabaseError
from django.db import connection

from orchestration.conf import engine_settings
from orchestration.engine.sweep import sweep

logger = logging.getLogger(__name__)

_stop = threading.Event()
_thread: threading.Thread | None = None


def beat(stop: threading.Event) -> None:
    """Sweep until told to stop. Survives a database or broker that is away."""
    try:
        while not stop.is_set():
            try:
                swept = sweep()
            except DatabaseError as error:
                logger.warning("heartbeat: the database is away: %s", str(error).strip())
                connection.close()
                swept = None
            except Exception:
                logger.exception("heartbeat: a sweep failed")
                swept = None
            full = swept is not None and swept.sagas >= engine_settings().SWEEP_BATCH
            stop.wait(0.05 if full else engine_settings().HEARTBEAT_SECONDS)
    finally:
        connection.close()


@worker_ready.connect
def start(**_: Any) -> None:
    """Begin to beat when the worker is ready to receive."""
    global _thread
    _stop.clear()
    _thread = threading.Thread(target=beat, args=(_stop,), name="heartbeat", daemon=True)
    _thread.start()


@worker_shutting_down.connect
def stop(**_: Any) -> None:
    """Stop beating when the worker is told to go."""
    _stop.set()
