"""`manage.py prune` as an operator meets it: beside a system at work, interrupted, killed, and run again."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from typing import Any

import psycopg2
import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import Count, F
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from config.system.boot.paths import PROJECT
from orchestration.models import OutboxMessage, Saga, SagaEvent, SagaStep
from orchestration.retention import run as retention_run
from orchestration.testing import SagaRun
from orchestration.verification import run_invariants
from tests.bootstrap.running_system import wait_until
from tests.orchestration.retained import aged, compensated, completed, rows
from tests.orchestration.sample import TripInput, trip

pytestmark = pytest.mark.owner

OLD = 400
"""Days; older than any age by default."""


def prune(*arguments: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("prune", "--pause", "0", "--json", *arguments, stdout=out, stderr=io.StringIO())
    answer: dict[str, Any] = json.loads(out.getvalue().splitlines()[-1])
    return answer


def out_of_place() -> list[str]:
    return [
        text for check in run_invariants() for text in check.violations if not check.name.startswith("orders")
    ]


def torn() -> int:
    """Sagas whose history is not whole."""
    counted = Saga.objects.annotate(entries=Count("history"))
    return counted.exclude(entries=F("last_seq")).count()


def test_the_answer_is_one_object_and_says_what_and_why(db: None) -> None:
    aged(completed(), OLD)
    kept = aged(compensated(), OLD)
    OutboxMessage.objects.create(kind="dispatch", saga_id=kept.id)
    answer = prune()
    assert (answer["complete"], answer["dry_run"], answer["gave_way"]) == (True, False, [])
    assert answer["retention"]["completed"] == "90d"
    assert answer["retention"]["failed"] == "never"
    assert (answer["sagas"]["completed"], answer["kept"]) == (1, {"a message is unsent": 1})
    assert set(answer["removed"]) >= {"sagas", "steps", "history", "messages sent"}
    assert list(Saga.objects.values_list("id", flat=True)) == [kept.id]


def test_what_people_read_names_the_same(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    aged(completed(), OLD)
    before = rows()
    call_command("prune", "--dry-run", "--pause", "0")
    said = capsys.readouterr()
    assert "sagas (1 completed)" in said.out
    assert "would be removed" in said.out
    assert "would remove" in said.err
    assert rows() == before


@pytest.mark.parametrize(
    "wrong",
    [["--completed", "1h"], ["--outbox", "soon"], ["--batch", "0"], ["--pause", "-1"], ["--orders", "1d"]],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_removed(db: None, wrong: list[str]) -> None:
    aged(completed(), OLD)
    before = rows()
    with pytest.raises(CommandError):
        prune(*wrong)
    assert rows() == before


def test_a_wrong_setting_is_said_and_removes_nothing(db: None) -> None:
    aged(completed(), OLD)
    before = rows()
    with (
        override_settings(ORCHESTRATION={"RETENTION": {"complete": "30d"}}),
        pytest.raises(CommandError, match="unknown keys complete"),
    ):
        prune()
    assert rows() == before


def other_session(process_environment: dict[str, str]) -> Any:
    return psycopg2.connect(process_environment["DATABASE_URL"])


def test_what_somebody_holds_is_passed_over_and_nobody_is_waited_for(
    process_environment: dict[str, str], transactional_db: None
) -> None:
    held, free = aged(completed(), OLD), aged(completed(), OLD)
    other = other_session(process_environment)
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT FROM orchestration_saga WHERE id = %s FOR SHARE", [str(held.id)])
            answer = prune()
        assert (answer["complete"], answer["sagas"]["completed"]) == (True, 1)
        assert list(Saga.objects.values_list("id", flat=True)) == [held.id]
        assert free.id != held.id
    finally:
        other.close()
    assert prune()["sagas"]["completed"] == 1


def test_a_lock_that_is_not_to_be_had_makes_it_give_way_and_say_so(
    process_environment: dict[str, str], transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention_run, "LOCK_TIMEOUT", "50ms")
    aged(completed(), OLD)
    before = rows()
    other = other_session(process_environment)
    try:
        with other.cursor() as cursor:
            cursor.execute("LOCK TABLE orchestration_sagaevent IN SHARE MODE")  # as a migration would
            with pytest.raises(CommandError, match="completed for too long"):
                prune("--outbox", "never")
        assert rows() == before
    finally:
        other.close()
    assert prune("--outbox", "never")["complete"]


def test_two_at_once_share_the_work(process_environment: dict[str, str], transactional_db: None) -> None:
    for _ in range(12):
        aged(compensated(), OLD)
    both = [start(process_environment, "--batch", "1", "--pause", "0.01") for _ in range(2)]
    answers = [json.loads(process.communicate(timeout=60)[0].splitlines()[-1]) for process in both]
    assert sum(answer["sagas"].get("compensated", 0) for answer in answers) == 12
    assert rows()["Saga"] == 0
    assert torn() == 0


def start(environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "django", "prune", "--json", *arguments],
        cwd=PROJECT,
        env={**environment, "DJANGO_SETTINGS_MODULE": "config.settings"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=lambda number: number.name)
def test_ended_in_the_middle_it_leaves_whole_sagas_and_goes_on_when_run_again(
    process_environment: dict[str, str], transactional_db: None, number: signal.Signals
) -> None:
    for _ in range(20):
        aged(compensated(), OLD)
    young = compensated()
    process = start(process_environment, "--batch", "1", "--pause", "0.05")
    wait_until(lambda: Saga.objects.count() < 18, "it is at work", 60)
    process.send_signal(number)
    said = process.communicate(timeout=30)[0]
    assert process.returncode != 0
    left = Saga.objects.count()
    assert 1 < left < 18
    if number is signal.SIGINT:
        answer = json.loads(said.splitlines()[-1])
        assert (answer["complete"], answer["sagas"]["compensated"]) == (False, 21 - left)
    assert (torn(), out_of_place()) == (0, [])
    for model in (SagaEvent, SagaStep):
        assert not model.objects.exclude(saga_id__in=Saga.objects.values("id")).exists()
    assert prune()["sagas"]["compensated"] == left - 1
    assert list(Saga.objects.values_list("id", flat=True)) == [young.id]
    assert out_of_place() == []


def test_sagas_run_on_while_it_removes(process_environment: dict[str, str], transactional_db: None) -> None:
    for _ in range(15):
        aged(completed(), OLD)
    process = start(process_environment, "--batch", "1", "--pause", "0.02")
    wait_until(lambda: Saga.objects.count() < 15, "it is at work", 60)
    runs = [SagaRun(trip, TripInput(name="Ada")).until_rest() for _ in range(5)]
    answer = json.loads(process.communicate(timeout=60)[0].splitlines()[-1])
    assert (answer["complete"], answer["sagas"]["completed"]) == (True, 15)
    assert {run.state for run in runs} == {"completed"}
    assert Saga.objects.count() == 5
    assert out_of_place() == []


def test_it_asks_as_often_however_much_there_is(db: None) -> None:
    """A batch costs the same number of statements, however many sagas are in it."""

    def asked(number: int) -> int:
        for _ in range(number):
            aged(completed(), OLD)
        with CaptureQueriesContext(connection) as queries, transaction.atomic():
            prune("--outbox", "never")
        return len(queries)

    assert asked(1) == asked(12)
