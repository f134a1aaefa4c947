"""Whether anybody is there to do the work."""

from __future__ import annotations

from celery import current_app
from kombu.exceptions import OperationalError

ANSWER_WITHIN = 2.0
"""Seconds a worker has to answer a ping."""


CONNECT_WITHIN = 2
"""Whole seconds the broker has to take a connection."""


def missing_workers() -> str | None:
    """Why no work will be done, in words; None when a worker answers."""
    with current_app.connection_for_write() as connection:
        broken: tuple[type[BaseException], ...] = tuple(connection.recoverable_connection_errors)
        try:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=CONNECT_WITHIN)
            # limit=1: the first answer is enough, so a running system costs milliseconds and not the whole time.
            answers = current_app.control.broadcast(
                "ping", reply=True, limit=1, timeout=ANSWER_WITHIN, connection=connection
            )
        except (OperationalError, OSError, *broken) as error:  # type: ignore[misc]  # kombu lists its transport's own
            name = type(error).__name__
            return f"the broker cannot be reached ({name}); start everything with 'python3 manage.py up'"
    return None if answers else "no worker is running; start everything with 'python3 manage.py up'"
