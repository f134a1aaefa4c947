"""Statements that are prepared once for each connection, and never where a pooler would mix connections up."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from orchestration.engine.database import prepared
from orchestration.engine.database.conflicts import again_after_conflict
from orchestration.engine.database.errors import is_unavailable
from orchestration.engine.database.prepared import Statement

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


@pytest.mark.parametrize("there", [False, True], ids=["what was prepared is gone", "it is there already"])
def test_a_process_that_was_not_told_of_its_pooler_learns_it_and_repeats_the_transaction(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, there: bool
) -> None:
    monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", False)
    add = Statement("test_pooled", "SELECT %(a)s + 1", a="int")
    other = Statement("test_pooled", "SELECT %(a)s + 1", a="int")
    assert _answer(other, a=1) == 2
    if there:  # prepared by somebody else on the connection that we are given
        monkeypatch.setattr(prepared, "_prepared", WeakKeyDictionary())
    else:  # and we are given another one than the one that we prepared on
        with connection.cursor() as cursor:
            cursor.execute("DEALLOCATE ALL")
    answer = again_after_conflict(lambda: _answer(add, a=41))
    with CaptureQueriesContext(connection) as seen:
        assert (answer(), _answer(add, a=1)) == (42, 2)
    kinds = [query["sql"].split()[0] for query in seen]
    assert kinds == ["PREPARE" if there else "EXECUTE", "SELECT", "SELECT"]
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "DATABASE_URL leads to a pooler in transaction mode"
    ]


def test_a_request_in_whose_transaction_it_is_learned_may_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", False)
    add = Statement("test_learned", "SELECT %(a)s + 1", a="int")
    assert _answer(add, a=1) == 2
    monkeypatch.setattr(prepared, "_prepared", WeakKeyDictionary())
    with pytest.raises(DatabaseError) as learned, transaction.atomic():
        _answer(add, a=1)
    assert is_unavailable(learned.value)
    assert _answer(add, a=1) == 2


def test_a_statement_of_other_code_has_another_name() -> None:
    with CaptureQueriesContext(connection) as seen:
        assert _answer(Statement("test_same", "SELECT %(a)s + 1", a="int"), a=1) == 2
        assert _answer(Statement("test_same", "SELECT %(a)s + 2", a="int"), a=1) == 3
        assert _answer(Statement("test_same", "SELECT %(a)s + 2", a="numeric"), a=1.5) == 3.5
    assert [query["sql"].split()[0] for query in seen] == ["PREPARE", "EXECUTE"] * 3


def test_what_was_prepared_in_a_transaction_that_fails_stays_prepared() -> None:
    one = Statement("test_one", "SELECT %(a)s", a="int")
    with transaction.atomic():
        assert _answer(one, a=1) == 1
        transaction.set_rollback(True)
    assert _answer(one, a=2) == 2


def test_a_parameter_that_is_only_used_or_only_declared_is_refused() -> None:
    with pytest.raises(ValueError, match="wrong: b, c is only used or only declared"):
        Statement("wrong", "SELECT %(a)s, %(b)s", a="int", c="int")
