"""What the database says of an error is told without what stood in the row: in logs of every process, in rows, and to people."""

from __future__ import annotations

import logging
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection, transaction
from django_celery_results.models import TaskResult

from config.log_lines import Line
from orchestration.core.row_values import without_row_values
from orchestration.core.storable_errors import storable_error
from orchestration.models import SagaStep
from orchestration.services import start_saga
from tests.bootstrap.running_system import wait_until
from tests.orchestration.poison import Person, colliding
from tests.orchestration.worker_process import empty, worker_process

ADDRESS = "ana@example.com"
STATEMENTS = {
    "a row twice": "INSERT INTO django_migrations (id, app, name, applied) SELECT id, %s, name, applied FROM django_migrations",
    "a key twice": "INSERT INTO auth_group (name) VALUES (%s), ('ana@example.com')",
    "a row that lacks something": "INSERT INTO auth_user (username) VALUES (%s)",
    "no number": "SELECT %s::int",
    "no id": "SELECT %s::uuid",
    "no time": "SELECT %s::timestamptz",
    "no list": "SELECT ('{' || %s)::int[]",
    "no JSON": "SELECT ('{\"a\": ' || %s)::jsonb",
    "no such column": "SELECT 1 FROM auth_user WHERE email = %s AND no_such_column = 1",
    "several lines": "INSERT INTO auth_user (username, email) VALUES (E'a\\nb', %s)",
}


def _error_of(statement: str) -> DatabaseError:
    with pytest.raises(DatabaseError) as raised, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, [ADDRESS])
    return raised.value


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
def test_no_line_of_a_log_has_a_value_of_a_row(db: None, statement: str) -> None:
    error = _error_of(statement)
    told: dict[str, Any] = {"level": logging.ERROR, "pathname": "", "lineno": 0}
    record = logging.LogRecord(
        "x",
        msg="failed: %s, that is %r",
        args=(error, error),
        exc_info=(type(error), error, error.__traceback__),
        **told,
    )
    text = Line("%(message)s").format(record)
    assert ADDRESS not in text
    assert "ana" not in text
    assert text.startswith("failed: ")
    assert text.count("Traceback") == 2  # of the driver's error and of Django's
    assert "The above exception was the direct cause" in text
    assert str(error).splitlines()[0].split('"')[0] in text
    assert ADDRESS not in str(storable_error(error))


def test_other_lines_are_left_as_they_are() -> None:
    for text in (
        "the order's LINE 3 has DETAIL: none",
        'Traceback (most recent call last):\n  File "a.py", line 1\nValueError: value "x" is wrong\n\nmore',
        "",
    ):
        assert without_row_values(text) == text


def test_every_handler_of_the_settings_writes_such_lines() -> None:
    formatters = settings.LOGGING["formatters"]
    assert {made["()"] for made in formatters.values()} == {"config.log_lines.Line"}
    assert {handler["formatter"] for handler in settings.LOGGING["handlers"].values()} <= set(formatters)


def test_a_worker_tells_what_went_wrong_and_not_with_whose_data(
    process_environment: dict[str, str], transactional_db: None
) -> None:
    empty("poison", "orchestration")
    with worker_process(
        process_environment, "-c", "1", "-I", "tests.orchestration.poison", queues=("poison", "orchestration")
    ) as worker:
        with transaction.atomic():
            saga = start_saga(colliding, input=Person(address=ADDRESS), business_key=str(uuid4()))
        failed = SagaStep.objects.filter(saga_id=saga.id).exclude(error=None)
        wait_until(failed.exists, "the step has failed", 60)
        wait_until(lambda: "NotNullViolation" in worker.log.read_text(), "it is in the log", 20)
        log, error = worker.log.read_text(), failed[0].error
    assert "expire_date" in log
    assert ADDRESS not in log
    assert ADDRESS not in str(error)
    assert ADDRESS not in str(list(TaskResult.objects.values_list("result", "traceback")))
