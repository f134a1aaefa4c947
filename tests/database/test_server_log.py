"""What is refused by the database is told in no log: the embedded server's settings, and the check of a server of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg2
import pytest
from django.core import checks
from django.db import connection

from config import server_log
from tests.roles import superuser_url


@pytest.fixture
def cursor(db: None) -> Iterator[Any]:
    """An administrator's: nobody else may say what the server logs."""
    address, who = connection.settings_dict, urlsplit(superuser_url())
    link = psycopg2.connect(
        host=address["HOST"], port=address["PORT"], dbname=address["NAME"], user=unquote(who.username or ""),
        password=unquote(who.password or ""),
    )  # fmt: skip
    try:
        with link.cursor() as made:
            yield made
    finally:
        link.rollback()
        link.close()


def test_the_server_that_up_starts_tells_no_values(cursor: Any) -> None:
    assert server_log.loose(cursor) == []
    found = checks.run_checks(
        tags=[checks.Tags.database], include_deployment_checks=True, databases=["default"]
    )
    assert "config.W004" not in {each.id for each in found}


@pytest.mark.parametrize(
    ("name", "value", "is_loose"),
    [
        ("log_error_verbosity", "default", True),
        ("log_error_verbosity", "verbose", True),
        ("log_min_error_statement", "error", True),
        ("log_min_error_statement", "info", True),
        ("log_min_error_statement", "fatal", False),
    ],
)
def test_one_that_does_is_named(
    cursor: Any, monkeypatch: pytest.MonkeyPatch, name: str, value: str, is_loose: bool
) -> None:
    cursor.execute(f"SET {name} = '{value}'")
    assert server_log.loose(cursor) == [name] * is_loose
    monkeypatch.setattr(server_log, "loose", lambda _: [name])
    [told] = server_log.values_in_the_servers_log(databases=["default"])
    assert (told.id, name in told.msg) == ("config.W004", True)
    assert server_log.values_in_the_servers_log() == []
