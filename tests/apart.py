"""Runs a command in a world of its own: a new data folder, new servers and free ports, all gone when it ends.

A server that the environment names is used as well, its database never: another one is made beside it and dropped again.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg2

from config.system.boot.paths import DataFolder
from config.system.boot.progress import Refusal
from config.system.servers.embedded import EmbeddedServers
from config.system.servers.outside import refuse_unreachable
from config.system.servers.ports import free_port
from config.system.servers.remembered import OWNER_URL
from config.system.supervisor.django_command import status_of


@dataclass(slots=True)
class Apart:
    """A world of its own, while it lasts."""

    folder: DataFolder
    servers: EmbeddedServers
    keep: bool
    """Whether the folder stays when all is over."""


def run_command(command: str, argv: list[str], named: DataFolder | None, *, lasting: bool = False) -> int:
    """Run a command of this app within a world of its own, which it finds as its `apart`, and return its exit status.

    Args:
        command: its name.
        argv: the whole command line.
        named: the folder a person wants it in; it must be new, and is kept. Without one, a temporary folder.
        lasting: what a server has committed survives its own death as well.

    Raises:
        Refusal: the named folder is in use, or a server that the environment names cannot be used.
    """
    with apart(named, lasting=lasting) as world:

        def act() -> None:
            import django
            from django.core.management import load_command_class

            django.setup()
            found: Any = load_command_class("tests", command)
            found.apart = world
            found.run_from_argv(argv)

        return status_of(act)


@contextlib.contextmanager
def apart(named: DataFolder | None, *, lasting: bool = False) -> Iterator[Apart]:
    """Start a world of its own, put its addresses into the environment, and remove it afterwards.

    Args:
        named: as for `run_command`.
        lasting: what a server has committed survives its own death as well.

    Raises:
        Refusal: as for `run_command`.
    """
    folder = _new_folder(named)
    keep = named is not None
    try:
        with _database():
            refuse_unreachable(
                databases=[os.environ.get(name, "") for name in ("DATABASE_URL", OWNER_URL)],
                broker=os.environ.get("CELERY_BROKER_URL", ""),
                results=os.environ.get("CELERY_RESULT_BACKEND", ""),
            )
            servers = EmbeddedServers(folder, throw_away=not lasting)
            servers.ports.keep("web", free_port())
            world = Apart(folder, servers, keep)
            try:
                servers.start(tied=True)
                os.environ.update(servers.environment())
                yield world
            finally:
                keep = world.keep
                servers.stop()
    finally:
        if not keep:
            shutil.rmtree(folder.root, ignore_errors=True)


def _new_folder(named: DataFolder | None) -> DataFolder:
    if named is None:
        return DataFolder(Path(tempfile.mkdtemp(prefix="orderly-apart-")))
    if named.root.exists() and any(named.root.iterdir()):
        raise Refusal(
            f"{named.root} is not empty, and this command breaks what it works on. Name a new folder, "
            "or leave --data-dir out."
        )
    return named


@contextlib.contextmanager
def _database() -> Iterator[None]:
    """Beside the database of a server that was named, one of our own."""
    if not os.environ.get("DATABASE_URL"):
        yield
        return
    named = {role: os.environ[role] for role in ("DATABASE_URL", OWNER_URL) if os.environ.get(role)}
    server, name = named.get(OWNER_URL) or named["DATABASE_URL"], f"orderly_apart_{os.getpid()}"
    _execute(server, f"CREATE DATABASE {name}")
    for role, url in named.items():
        os.environ[role] = urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    try:
        yield
    finally:
        os.environ.update(named)
        _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def _execute(server: str, statement: str) -> None:
    try:
        link = psycopg2.connect(server)
    except psycopg2.OperationalError as error:
        raise Refusal(f"DATABASE_URL cannot be used: {error}") from error
    try:
        link.autocommit = True
        with link.cursor() as cursor:
            cursor.execute(statement)
    finally:
        link.close()
