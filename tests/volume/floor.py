"""What PostgreSQL itself can commit here, and what one saga asks of it: the two numbers capacity is reckoned with."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import psycopg2
from django.db import connection

from config.system.boot.paths import DataFolder
from config.system.servers.embedded import EmbeddedServers

TABLE = "CREATE TABLE IF NOT EXISTS floor_row (id bigserial PRIMARY KEY, what text)"
ROW = "INSERT INTO floor_row (what) VALUES (repeat('x', 200))"


@dataclass(frozen=True, slots=True)
class Asked:
    """What one run of something asked of the database."""

    statements: int
    commits: int
    """Transactions that wrote something: each waits for the disk."""
    wal_bytes: int


def asked_by(act: Callable[[], object]) -> Asked:
    """Count it. No transaction may be open, and nobody else may write."""
    counted = 0

    def count(execute: Any, statement: str, parameters: Any, many: bool, context: Any) -> Any:
        nonlocal counted
        counted += 1
        return execute(statement, parameters, many, context)

    before = _written()
    with connection.execute_wrapper(count):
        act()
    after = _written()
    return Asked(counted, after[0] - before[0] - 1, after[1] - before[1])


def _written() -> tuple[int, int]:
    """How many transactions have written something (asking is one more), and bytes of the log."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_current_xact_id()::text::bigint, pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
        )
        number, written = cursor.fetchone()
    return int(number), int(written)


@contextmanager
def durable_server() -> Iterator[str]:
    """The address of an embedded PostgreSQL that waits for the disk, as `up` starts it; those of tests do not wait."""
    folder = Path(tempfile.mkdtemp(prefix="orderly-floor-"))
    with mock.patch.dict(os.environ):
        for name in ("DATABASE_URL", "CELERY_BROKER_URL", "CELERY_RESULT_BACKEND"):
            os.environ.pop(name, None)  # those of the tests are not meant
        servers = EmbeddedServers(DataFolder(folder))
    assert servers.postgres is not None
    try:
        servers.start(tied=True)
        yield servers.postgres.superuser_url
    finally:
        servers.leave()
        shutil.rmtree(folder, ignore_errors=True)


def commits_per_second(address: str, *, connections: int, seconds: float) -> float:
    """One row of 200 bytes a transaction, from so many connections at once."""
    _tell(address, TABLE)
    done = [0] * connections
    stop_at = time.monotonic() + seconds

    def insert(mine: int) -> None:
        own = _connect(address)
        with own.cursor() as cursor:
            while time.monotonic() < stop_at:
                cursor.execute(ROW)
                done[mine] += 1
        own.close()

    threads = [threading.Thread(target=insert, args=(n,)) for n in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _tell(address, "DROP TABLE floor_row")
    return sum(done) / seconds


def _tell(address: str, statement: str) -> None:
    own = _connect(address)
    with own.cursor() as cursor:
        cursor.execute(statement)
    own.close()


def _connect(address: str) -> Any:
    own = psycopg2.connect(address)
    own.autocommit = True
    return own
