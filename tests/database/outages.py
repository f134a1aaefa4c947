"""Outages of the test's own database: what is said no to, the server says itself, and the driver carries it to us.

Only this database (or this role) is touched, never the server: other tests may be using it at the same moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dj_database_url
import psycopg2
from django.db import connection
from psycopg2.sql import SQL, Identifier

from tests.roles import superuser_url

Execute = Callable[..., list[tuple[Any, ...]]]


def _few() -> str:
    """A role that limits hold for: the owner of the server is never refused a connection. Named by the test's database."""
    return f"{connection.settings_dict['NAME']}_few"


@contextmanager
def administrator() -> Iterator[Execute]:
    """A connection of one's own that no outage reaches, in autocommit."""
    owner = dj_database_url.parse(superuser_url())
    address = connection.settings_dict
    link = psycopg2.connect(
        host=address["HOST"], port=address["PORT"], dbname=address["NAME"],
        user=owner["USER"], password=owner["PASSWORD"], application_name="administrator",
    )  # fmt: skip
    link.autocommit = True
    try:
        with link.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = off")
            cursor.execute("SET lock_timeout = '10s'")  # a test that holds what this one needs is to fail

            def execute(statement: str, *names: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
                cursor.execute(SQL(statement).format(*map(Identifier, names)), values or None)
                return cursor.fetchall() if cursor.description else []

            yield execute
    finally:
        link.close()


def end_other_connections(execute: Execute) -> None:
    """End everybody else's connections to this database, so that what is set for new ones counts."""
    execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name <> 'administrator' AND backend_type = 'client backend'"
    )
    connection.close()


@contextmanager
def read_only() -> Iterator[None]:
    """The database takes no writes, as a server does that is being failed over: SQLSTATE 25006."""
    name = connection.settings_dict["NAME"]
    with administrator() as execute:
        execute("ALTER DATABASE {} SET default_transaction_read_only = on", name)
        end_other_connections(execute)
        try:
            yield
        finally:
            execute("ALTER DATABASE {} RESET default_transaction_read_only", name)
            end_other_connections(execute)


@contextmanager
def no_room(*only: str) -> Iterator[None]:
    """Nothing more fits on the disk: SQLSTATE 53100. With names of tables, only on theirs."""
    with administrator() as execute:
        execute(
            "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$"
        )
        try:
            every = [
                name for (name,) in execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            ]
            for table in only or every:
                execute(
                    "CREATE TRIGGER no_room BEFORE INSERT OR UPDATE OR DELETE ON {} EXECUTE FUNCTION no_room()",
                    table,
                )
            yield
        finally:
            execute("DROP FUNCTION no_room CASCADE")


@contextmanager
def no_connection_left() -> Iterator[None]:
    """Whoever asks for a connection is refused one: SQLSTATE 53300 at connect. Within `as_ordinary_role`."""
    with administrator() as execute:
        execute("ALTER ROLE {} CONNECTION LIMIT 0", _few())
        end_other_connections(execute)
        try:
            yield
        finally:
            execute("ALTER ROLE {} CONNECTION LIMIT -1", _few())


@contextmanager
def as_ordinary_role() -> Iterator[None]:
    """This process connects as a role that limits hold for; the owner of the database is above them."""
    settings = connection.settings_dict
    owner = {name: settings[name] for name in ("USER", "PASSWORD")}
    with administrator() as execute:
        execute(
            "CREATE ROLE {} LOGIN PASSWORD %s IN ROLE {}", _few(), str(owner["USER"]), values=("of-a-test",)
        )
        connection.close()
        settings.update(USER=_few(), PASSWORD="of-a-test")
        try:
            yield
        finally:
            connection.close()
            settings.update(owner)
            end_other_connections(execute)
            execute("DROP ROLE {}", _few())


@contextmanager
def prepared(kind: str) -> Iterator[None]:
    """What has to be so before an outage of this kind can begin."""
    if kind == "no connection left":
        with as_ordinary_role():
            yield
    else:
        yield


OUTAGES: dict[str, Callable[[], Any]] = {
    "read-only": read_only,
    "no connection left": no_connection_left,
    "no room on the disk": no_room,
}
"""Each kind and what begins it."""
