"""Database connections that outlive a task: Celery would close them before and after each one, and connect anew.

With `CELERY_DB_REUSE_MAX` a pool process keeps its connection. Nothing else in Celery would notice that the server has
ended it meanwhile, and every later task of that process would fail; so each task begins by looking at the socket.
"""

from __future__ import annotations

import select
import time
from typing import Any

from celery.signals import task_prerun
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper


@task_prerun.connect
def drop_dead_connections(**_: Any) -> None:
    """Close each connection of this thread that the server has ended, or that is older than `CONN_MAX_AGE`.

    No query and no wait: an idle connection has nothing to say unless it was ended. One inside a transaction is left alone.
    """
    for wrapper in connections.all(initialized_only=True):
        if wrapper.connection is not None and not wrapper.in_atomic_block and _is_over(wrapper):
            wrapper.close()


def _is_over(wrapper: BaseDatabaseWrapper) -> bool:
    if wrapper.connection.closed:
        return True
    if wrapper.close_at is not None and time.monotonic() >= wrapper.close_at:
        return True
    waiting = select.poll()  # not `select`, which knows no descriptor above 1023
    waiting.register(wrapper.connection.fileno(), select.POLLIN)
    return bool(waiting.poll(0))
