"""A look at the database beside what is measured, over a connection that no side uses and no figure counts."""

from __future__ import annotations

import os
import time

import psycopg2

from tests.bench.clients.serving import GIVE_UP_AFTER, GIVE_UP_AFTER_EACH

OBSERVER = "ORDERLY_BENCH_OBSERVER"
"""The database's address, past whatever counts statements."""
LOOK_EVERY = 0.02
LOOK_EVERY_AT_MANY = 0.1
"""The looks themselves take from what is measured, and the moments are exact however rarely one looks."""


class Observer:
    """One connection. The moments it tells are the database's, so the pause between two looks adds nothing to them."""

    def __init__(self) -> None:
        link = psycopg2.connect(os.environ[OBSERVER])
        link.autocommit = True
        self._cursor = link.cursor()

    def now(self) -> float:
        """This moment, by the database's clock."""
        self._cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        found = self._cursor.fetchone()
        assert found is not None
        moment: float = found[0]
        return moment

    def wait(self, question: str, name: str, many: int) -> float:
        """Ask until so many are counted, and return the newest moment that came with them.

        Args:
            question: gives a count and a moment for the pattern that its one parameter is.
            name: of the batch.
            many: the count that ends it.

        Raises:
            TimeoutError: they were not there in time.
        """
        limit = GIVE_UP_AFTER + GIVE_UP_AFTER_EACH * many
        deadline = time.monotonic() + limit
        while True:
            self._cursor.execute(question, [f"{name}-%"])
            counted, newest = self._cursor.fetchone() or (0, None)
            if counted >= many:
                return float(newest)
            if time.monotonic() > deadline:
                raise TimeoutError(f"{counted} of {many} within {limit:g} s")
            time.sleep(LOOK_EVERY if many < 10 else LOOK_EVERY_AT_MANY)  # between two looks
