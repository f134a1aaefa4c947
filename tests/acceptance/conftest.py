"""A whole system from outside: started with `manage.py up`, on the broker and database the run was given."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import pytest

from tests.bootstrap.running_system import RunningSystem, manage


class World(RunningSystem):
    """A running system with its commands at hand."""

    def command(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Run a command; returns its exit status and the JSON object it printed last."""
        ended = manage(*arguments, folder=self.folder, environment=self.environment)
        lines = ended.stdout.strip().splitlines()
        assert lines, f"{arguments} printed nothing: {ended.stderr[-2000:]}"
        return ended.returncode, json.loads(lines[-1])

    def assert_in_order(self) -> None:
        """Every invariant holds, across the database and the two ledgers."""
        status, found = self.command("verify", "--json")
        assert [check for check in found["checks"] if check["violations"]] == []
        assert (status, found["ok"]) == (0, True)
        assert sum(check["checked"] for check in found["checks"]) > 0


@pytest.fixture(scope="module")
def start_world(request: pytest.FixtureRequest) -> Iterator[Callable[..., World]]:
    """Starts systems on fresh data, which are gone after the module."""
    with starting_worlds(request.config) as start:
        yield start


@contextmanager
def starting_worlds(config: pytest.Config) -> Iterator[Callable[..., World]]:
    """Starts systems on fresh data; `--broker` and `--database` of the run are handed on. Those running at the end are stopped."""
    worlds: list[World] = []
    databases: list[tuple[str, str]] = []

    def start(*options: str, **environment: str) -> World:
        folder = Path(tempfile.mkdtemp(prefix="orderly-world-"))
        if broker := config.getoption("--broker"):
            environment["CELERY_BROKER_URL"] = broker
        if server := config.getoption("--database"):
            name = f"orderly_world_{os.getpid()}_{len(worlds)}"
            _execute(server, f"CREATE DATABASE {name}")
            databases.append((server, name))
            environment["DATABASE_URL"] = urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        if config.getoption("--pooled"):
            environment["ORDERLY_POOLED"] = "1"
        worlds.append(World(folder, *options, environment={"ORDERLY_CARRIER_SECONDS": "0.2", **environment}))
        worlds[-1].wait_until_ready()
        return worlds[-1]

    yield start
    for world in worlds:
        if world.process.poll() is None:
            world.stop()
        shutil.rmtree(world.folder, ignore_errors=True)
        world.output.unlink(missing_ok=True)
    for server, name in databases:
        _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def _execute(server: str, statement: str) -> None:
    connection = psycopg2.connect(server)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()
