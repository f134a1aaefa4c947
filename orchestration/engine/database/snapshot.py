"""Reading one moment of the database, and changing nothing while at it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from orchestration.engine.database.connection import connection, transaction


@contextmanager
def reading(*, snapshot: bool = True) -> Iterator[None]:
    """Open a read-only transaction around what is read.

    Inside a caller's transaction it is a savepoint only: one that has begun to read can no longer choose.

    Args:
        snapshot: every statement sees the same moment (REPEATABLE READ); False: each what is committed by then.
    """
    nested = connection.in_atomic_block
    with transaction.atomic():
        if not nested:
            level = "REPEATABLE READ" if snapshot else "READ COMMITTED"
            with connection.cursor() as cursor:
                cursor.execute(f"SET TRANSACTION ISOLATION LEVEL {level} READ ONLY")
        yield
