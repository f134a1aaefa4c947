"""`manage.py verify`: everything is in place after sagas of every ending, and a broken check breaks no other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.utils import Error as DatabaseError

from orchestration import verification
from orchestration.models import OutboxMessage, Saga
from orchestration.testing import SagaRun
from orchestration.verification import CheckResult, Finding, invariant, open_business_keys, run_invariants
from tests.orchestration.breaking import change_saga
from tests.orchestration.sample import TripInput, trip

pytestmark = pytest.mark.owner

INPUT = TripInput(name="Ada")
FULL = TripInput(name="Ada", full=True)
OWN = "tests: a check of its own"

_COPY = {
    "saga": (
        "definition, version, fingerprint, state, paused, epoch, milestone, reference, input, failure, rescues,"
        " trace_id, product_line, partition_key, last_seq, ended_at"
    ),
    "sagastep": (
        "name, direction, generation, state, task, deliveries, attempts, result, done_seq, started_at, ended_at"
    ),
    "sagaevent": "seq, kind, before, after, step, direction, who, data, at",
}
"""Columns copied when one saga becomes ten thousand."""


def _verify() -> dict[str, Any]:
    out = StringIO()
    try:
        call_command("verify", "--json", stdout=out, stderr=StringIO())
        status = 0
    except CommandError as error:
        status = error.returncode
    report: dict[str, Any] = json.loads(out.getvalue().splitlines()[-1])
    assert status == (0 if report["ok"] else 1)
    return report


@contextmanager
def _registered(check: Callable[[], Finding], name: str = OWN, **options: bool) -> Iterator[None]:
    invariant(name, **options)(check)
    try:
        yield
    finally:
        del verification._checks[name]


def _result(name: str = OWN) -> CheckResult:
    return next(result for result in run_invariants() if result.name == name)


@pytest.fixture
def every_ending(db: None) -> list[SagaRun]:
    stuck = {"sample.confirm": 1, "sample.free_seat": 1}
    asked: list[tuple[TripInput, dict[str, Any]]] = [
        (INPUT, {}),
        (FULL, {}),
        (FULL, {}),
        (FULL, {}),
        (INPUT, {"reject_at": "sample.confirm"}),
        (INPUT, {"reject_at": "sample.register"}),
        (INPUT, {"reject_at": stuck}),
        (INPUT, {"reject_at": stuck}),
        (INPUT, {"lose_answer_at": "sample.charge"}),
        (INPUT, {"lose_answer_at": "sample.charge", "reject_at": "sample.book_seat"}),
        *((INPUT, {"doubled": True, "shuffled": n, "fail_at": {"sample.confirm": 2}}) for n in range(3)),
    ]
    # One after the other: a run carries whatever lies in the outbox, also what another has put there.
    runs = [SagaRun(trip, given, **faults).until_rest() for given, faults in asked]
    runs[2].cancel().until(lambda run: run.state == "cancelled")
    runs[3].send("sample.seat_free", {"seat": "1A"}).until(lambda run: run.state == "completed")
    runs[6].retry("sample.book_seat", "undo").until(lambda run: run.state == "compensated")
    return runs


def test_everything_is_in_place_after_sagas_of_every_ending(every_ending: list[SagaRun]) -> None:
    states = set(Saga.objects.values_list("state", flat=True))
    assert states == {"completed", "compensated", "waiting", "undo_failed", "failed", "cancelled"}
    report = _verify()
    assert [check for check in report["checks"] if check["violations"]] == []
    assert report["ok"] is True


def test_no_check_of_the_engine_has_looked_at_nothing(every_ending: list[SagaRun]) -> None:
    checked = {
        c["name"]: c["checked"] for c in _verify()["checks"] if c["name"].startswith("orchestration: ")
    }
    assert len(checked) >= 20
    assert [name for name, number in checked.items() if not number] == []


def test_open_business_keys_are_those_of_sagas_that_have_not_ended(every_ending: list[SagaRun]) -> None:
    open_runs = [run for run in every_ending if run.state in ("waiting", "undo_failed")]
    assert open_business_keys() == {run.saga.business_key for run in open_runs}
    assert len(open_runs) == 2


def test_a_check_that_raises_is_itself_out_of_place(db: None) -> None:
    def broken() -> Finding:
        raise ZeroDivisionError("no ledger")

    with _registered(broken):
        assert _result().violations == ["the check itself failed: ZeroDivisionError: no ledger"]


def test_a_check_that_breaks_its_transaction_does_not_break_the_others(db: None) -> None:
    def broken() -> Finding:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1/0")
        return Finding(0)

    with _registered(broken):
        failed = [result for result in run_invariants() if not result.ok]
    assert [result.name for result in failed] == [OWN]
    assert "division by zero" in failed[0].violations[0]


def test_what_is_seen_only_once_does_not_count(db: None) -> None:
    looks = iter([Finding(2, ["passing", "lasting"]), Finding(2, ["lasting", "new"])])
    with _registered(lambda: next(looks)):
        assert _result().violations == ["lasting"]


@pytest.mark.parametrize(("snapshot", "level"), [(True, "repeatable read"), (False, "read committed")])
def test_a_check_sees_one_moment_and_can_change_nothing(
    transactional_db: None, snapshot: bool, level: str
) -> None:
    seen: list[str] = []

    def look() -> Finding:
        with connection.cursor() as cursor:
            cursor.execute("SHOW transaction_isolation")
            seen.append(cursor.fetchone()[0])
        with pytest.raises(DatabaseError, match="read-only"), transaction.atomic():
            OutboxMessage.objects.create(kind="event")
        return Finding(1)

    with _registered(look, snapshot=snapshot):
        assert _result().ok
    assert seen == [level]


def test_two_checks_of_one_name_are_refused(db: None) -> None:
    def theirs() -> Finding:
        return Finding(0)

    theirs.__module__ = "elsewhere.invariants"
    with _registered(lambda: Finding(0)), pytest.raises(ValueError, match="two invariants are called"):
        invariant(OWN)(theirs)


def test_the_report_for_people_names_what_is_out_of_place(db: None) -> None:
    run = SagaRun(trip, FULL, reference="T-1").until_rest()
    change_saga(run, wake_at=None)
    out, err = StringIO(), StringIO()
    with pytest.raises(CommandError, match="1 check"):
        call_command("verify", stdout=out, stderr=err)
    assert "sample.trip T-1: waiting, and nothing will ever wake it" in out.getvalue()
    assert "checking orchestration: no open saga is forgotten" in err.getvalue()


def test_ten_thousand_sagas_are_checked_within_seconds_by_each_check(db: None) -> None:
    """Also without statistics: no plan may take the square of the time."""
    run = SagaRun(trip, INPUT, reject_at="sample.confirm").until_rest()
    # Rolled back at once: the foreign keys of so many rows are not to be looked at one by one when the test ends.
    with transaction.atomic(), connection.cursor() as cursor:
        for table, columns in _COPY.items():
            key, copied = ("id, business_key", "n::text,") if table == "saga" else ("saga_id", "")
            original = "id" if table == "saga" else "saga_id"
            cursor.execute(
                f"INSERT INTO orchestration_{table} ({key}, {columns}) SELECT md5(n::text)::uuid, {copied} {columns}"  # noqa: S608
                f" FROM orchestration_{table}, generate_series(1, 10000) n WHERE {original} = %s",
                [run.id],
            )
        cursor.execute("SET LOCAL statement_timeout = '5s'")
        results = {r.name: r for r in run_invariants() if r.name.startswith("orchestration: ")}
        transaction.set_rollback(True)
    assert [result for result in results.values() if not result.ok] == []
    assert results["orchestration: replaying a history gives the state the saga has"].checked == 10_001
