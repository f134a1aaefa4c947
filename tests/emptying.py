"""Emptying the database after a test that commits: only tables that hold something.

Django's own way truncates every table and then makes content types and permissions anew: a second or more after each such test,
and there are hundreds.
"""

from __future__ import annotations

from typing import Any

from django.db import connections
from django.test import TransactionTestCase

from orchestration.engine.database.owner import as_owner

MADE_BY_MIGRATE = frozenset({"django_content_type", "auth_permission", "django_migrations"})
"""What no test changes, and every test needs."""


def empty(alias: str) -> None:
    """Empty every table that has a row. Sequences go on, as Django leaves them."""
    connection = connections[alias]
    tables = sorted(set(connection.introspection.django_table_names(only_existing=True)) - MADE_BY_MIGRATE)
    quote = connection.ops.quote_name
    asked = " UNION ALL ".join(
        f"SELECT '{table}' WHERE EXISTS (SELECT FROM {quote(table)})"  # noqa: S608 - names of our own tables
        for table in tables
    )
    with connection.cursor() as cursor:
        cursor.execute(asked)
        filled = [quote(table) for (table,) in cursor.fetchall()]
        if filled:
            cursor.execute(f"TRUNCATE {', '.join(filled)} CASCADE")


def _fixture_teardown(self: Any) -> None:
    with as_owner():  # the application's role empties no table
        for alias in self._databases_names(include_mirrors=False):
            empty(alias)


def install() -> None:
    """Have every test that commits end in this way."""
    setattr(TransactionTestCase, "_fixture_teardown", _fixture_teardown)  # noqa: B010 - the stubs do not know it
