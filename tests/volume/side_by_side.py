"""Two copies of one database, one with empty tables and one that is filled: the same work in turns on each."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg2
from django.db import connection


@contextmanager
def empty_copy() -> Iterator[str]:
    """A copy of the tests' database as it is now; its name. Gone in the end."""
    here = connection.settings_dict["NAME"]
    name = f"{here}_empty"
    connection.close()  # nobody may be connected to what is copied
    _execute(f'DROP DATABASE IF EXISTS "{name}"', f'CREATE DATABASE "{name}" TEMPLATE "{here}"')
    try:
        yield name
    finally:
        _execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def on(database: str) -> Iterator[None]:
    """Work on another database meanwhile."""
    here = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = database
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = here


def in_turns(
    work: Callable[[], object], databases: tuple[str, str], *, rounds: int, times: int
) -> tuple[list[float], list[float]]:
    """Seconds of one time, by rounds of so many, on each; one round more comes first and is not counted. Who begins changes from round to round."""
    taken: dict[str, list[float]] = {name: [] for name in databases}
    for turn in range(rounds + 1):
        for name in databases if turn % 2 else reversed(databases):
            with on(name):
                connection.ensure_connection()
                began = time.perf_counter()
                for _ in range(times):
                    work()
                if turn:
                    taken[name].append((time.perf_counter() - began) / times)
    return taken[databases[0]], taken[databases[1]]


def told(what: str, empty: list[float], full: list[float]) -> str:
    """A line for people: medians in milliseconds, and the ratio with its spread."""
    ratios = sorted(after / before for before, after in zip(empty, full, strict=True))
    return (
        f"{what}: empty {1000 * statistics.median(empty):.1f} ms, full {1000 * statistics.median(full):.1f} ms, "
        f"full/empty {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}, {len(ratios)} rounds)"
    )


def _execute(*statements: str) -> None:
    settings = connection.settings_dict
    server = psycopg2.connect(
        host=settings["HOST"],
        port=settings["PORT"],
        user=settings["USER"],
        password=settings["PASSWORD"],
        dbname="postgres",
    )
    server.autocommit = True
    try:
        with server.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
    finally:
        server.close()
