"""Which role of the database a test works as: the application's, as the system does, so that a right that is missing is missed here.

`@pytest.mark.owner` is for tests that change tables, or break rules that the application's role cannot break. The test database is made,
and emptied between tests, by the owner. Where `--database` names a server there is one role for all of it.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import closing
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg2
import pytest
from psycopg2.sql import SQL, Identifier

APPLICATION, OWNER, SUPERUSER = "DATABASE_URL", "ORDERLY_OWNER_DATABASE_URL", "ORDERLY_TEST_SUPERUSER_URL"
"""Variables of the environment with an address for each role; the last one is for tests only."""

_now = APPLICATION
_depth = 0


def owner_url() -> str:
    """The server's address for who makes databases and tables."""
    return os.environ[OWNER]


def superuser_url() -> str:
    """The server's address for who does what only an administrator may."""
    return os.environ[SUPERUSER]


def let_tests_set_parameters() -> None:
    """Tests of `verify` break rows as no code of ours could, and a test of deadlocks decides who sees it first. Outside of tests nobody may."""
    if owner_url() == superuser_url():
        return  # a server that was named, with one role for everything
    with closing(psycopg2.connect(superuser_url())) as link, link, link.cursor() as cursor:
        for parameter, role in (("session_replication_role", OWNER), ("deadlock_timeout", APPLICATION)):
            user = Identifier(unquote(urlsplit(os.environ[role]).username or ""))
            cursor.execute(SQL("GRANT SET ON PARAMETER {} TO {}").format(Identifier(parameter), user))


def _work_as(role: str) -> None:
    """From now on connections of this process are made as `role`."""
    global _now
    if role == _now:
        return
    from django.db import connections

    _now = role
    parts = urlsplit(os.environ[role])
    connections["default"].close()
    connections.settings["default"].update(
        USER=unquote(parts.username or ""), PASSWORD=unquote(parts.password or "")
    )


def give_rights() -> None:
    """The test database has tables that no migration knows; the application's role works on them as on any other."""
    from django.db import connections

    from orchestration.engine.database.privileges import put_right

    if os.environ[OWNER] == os.environ[APPLICATION]:
        return
    role = unquote(urlsplit(os.environ[APPLICATION]).username or "")
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        put_right(cursor, role, [name for (name,) in cursor.fetchall()])


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Have the owner make the test database, and what fixtures of that name add to it; and remove it in the end."""
    global _depth
    if fixturedef.argname != "django_db_setup":
        return (yield)
    usual, _depth = _now, _depth + 1
    _work_as(OWNER)
    try:
        made = yield
        with request.getfixturevalue("django_db_blocker").unblock():
            give_rights()
    finally:
        _depth -= 1
        if not _depth:
            _work_as(usual)
    fixturedef.addfinalizer(lambda: _work_as(OWNER))
    return made


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Choose before any fixture connects."""
    _work_as(OWNER if item.get_closest_marker("owner") else APPLICATION)
