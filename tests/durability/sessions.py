"""Ending database sessions of other processes as an administrator or a failing server does: at a commit, or at any moment."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
from django.db import connection

from tests.bootstrap.running_system import wait_until

_AT_COMMIT = """
CREATE SEQUENCE session_ended;
CREATE FUNCTION end_session() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('session_ended') = 1 THEN  -- a sequence keeps its number although this transaction is rolled back
        PERFORM pg_terminate_backend(pg_backend_pid());
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER end_session_at_commit AFTER UPDATE ON orchestration_sagastep
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.name = '{step}' AND NEW.direction = 'forward' AND NEW.state = 'done') EXECUTE FUNCTION end_session();
"""
_NO_MORE = """
DROP TRIGGER end_session_at_commit ON orchestration_sagastep;
DROP FUNCTION end_session();
DROP SEQUENCE session_ended;
"""


@contextmanager
def ended_in_its_commit(step: str) -> Iterator[Callable[[], int]]:
    """Within the block the first session that commits the result of a step is ended by the server in the middle of it.

    Yields what says how many sessions have come there so far.
    """

    def times() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM session_ended")
            return int(cursor.fetchone()[0])

    with connection.cursor() as cursor:
        cursor.execute(_AT_COMMIT.replace("{step}", step))
    try:
        yield times
    finally:
        with connection.cursor() as cursor:
            cursor.execute(_NO_MORE)


def end_sessions_of_frozen(pid: int) -> int:
    """End every session of a stopped process, and wake it when they are gone. Returns how many there were."""
    process = psutil.Process(pid)
    wait_until(lambda: process.status() == psutil.STATUS_STOPPED, f"process {pid} is frozen", 10)
    ports = [link.laddr.port for link in process.net_connections("tcp")]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid, pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE client_port = ANY(%s) AND datname = current_database()",
            [ports],
        )
        ended = cursor.fetchall()
    assert all(gone for _, gone in ended)
    os.kill(pid, signal.SIGCONT)
    return len(ended)
