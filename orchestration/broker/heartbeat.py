"""The heartbeat of every Celery worker: a thread of its main process that sweeps. No extra process to forget.

It has a database connection of its own and does nothing in the consumer's loop. Pool children forked meanwhile inherit
the connection object but never use or close it: psycopg2 closes only what its own process opened.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from celery.signals import celeryd_init, worker_ready, worker_shutting_down
from django.db import Error as DatabaseError

from orchestration.conf import engine_settings
from orchestration.engine.database.connection import connection
from orchestration.engine.flow import misfits
from orchestration.engine.flow.misdated_rows import Looks
from orchestration.engine.outbox.sweep import sweep
from orchestration.engine.rows.reading import database_now
from orchestration.engine.steps import bad_commands
from orchestration.errors import SendFailed

logger = logging.getLogger(__name__)

LONGEST_PAUSE = 5.0
"""Between two sweeps while the broker is away, in seconds."""

_CELERYS_CONSUMER = "celery.worker.consumer:Consumer"

_stop = threading.Event()
_thread: threading.Thread | None = None


def beat(stop: threading.Event) -> None:
    """Sweep until told to stop. Survives a database or broker that is away, and tells the log so once a round."""
    failures, fresh, looks = 0, True, Looks()
    try:
        while not stop.is_set():
            swept = None
            try:
                if fresh:
                    bad_commands.look_again()
                    misfits.look_again()
                    fresh = False
                database_now()  # a jump of its clock is noticed before anything is decided by it
                looks.look()
                swept = sweep()
                failures = 0
            except SendFailed as error:
                failures += 1
                logger.warning("heartbeat: the broker is away, messages wait: %s", error)
            except DatabaseError as error:
                logger.warning("heartbeat: the database is away: %s", str(error).strip())
                connection.close()
            except Exception:
                logger.exception("heartbeat: a sweep failed")
            full = swept is not None and swept.sagas >= engine_settings().SWEEP_BATCH
            stop.wait(0.05 if full else _pause(failures))
    finally:
        connection.close()


def _pause(failures: int) -> float:
    """Seconds to the next sweep: longer each time the broker was away, so that nobody runs against a closed door."""
    usual = engine_settings().HEARTBEAT_SECONDS
    return min(usual * 2.0 ** min(failures, 10), max(usual, LONGEST_PAUSE))


@celeryd_init.connect
def be_careful(conf: Any, **_: Any) -> None:
    """Have a worker set messages aside that it cannot take in, unless its project has chosen a consumer of its own."""
    if conf.worker_consumer == _CELERYS_CONSUMER:
        conf.worker_consumer = "orchestration.broker.consumer:CarefulConsumer"


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
