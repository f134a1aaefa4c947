"""Statements that are prepared once for each connection, and never where a pooler would mix connections up."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from orchestration.engine.prepared import Statement

pytestmark = pytest.mark.django_db(transaction=True)


def _answer(statement: Statement, **values: Any) -> Any:
    with connection.cursor() as cursor:
        statement.run(cursor, values)
        return cursor.fetchone()[0]


def test_a_statement_is_prepared_once_for_a_connection_and_anew_for_the_next() -> None:
    add = Statement("test_add", "SELECT %(a)s + %(b)s + %(a)s", a="int", b="int")
    with CaptureQueriesContext(connection) as seen:
        assert [_answer(add, a=1, b=2), _answer(add, b=3, a=4)] == [4, 11]
        connection.close()
        assert _answer(add, a=5, b=6) == 16
    kinds = [query["sql"].split()[0] for query in seen]
    assert kinds == ["PREPARE", "EXECUTE", "EXECUTE", "PREPARE", "EXECUTE"]


def test_behind_a_pooler_it_is_a_plain_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)
    both = Statement("test_both", "SELECT %(word)s || (%(many)s)[1]", word="text", many="text[]")
    with CaptureQueriesContext(connection) as seen:
        assert _answer(both, word="50% ", many=["a", "b"]) == "50% a"
    assert [query["sql"].split()[0] for query in seen] == ["SELECT"]


def test_what_was_prepared_in_a_transaction_that_fails_stays_prepared() -> None:
    one = Statement("test_one", "SELECT %(a)s", a="int")
    with transaction.atomic():
        assert _answer(one, a=1) == 1
        transaction.set_rollback(True)
    assert _answer(one, a=2) == 2


def test_a_parameter_that_is_only_used_or_only_declared_is_refused() -> None:
    with pytest.raises(ValueError, match="wrong: b, c is only used or only declared"):
        Statement("wrong", "SELECT %(a)s, %(b)s", a="int", c="int")
