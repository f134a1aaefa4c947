"""Every invariant of the engine's rows: true of sagas of every ending, and named when it is broken by hand."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
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
from orchestration.verification import Finding, invariant, open_business_keys, run_invariants
from tests.orchestration.sample import TripInput, trip

INPUT = TripInput(name="Ada")
FULL = TripInput(name="Ada", full=True)


def _verify() -> dict[str, Any]:
    out, err = StringIO(), StringIO()
    try:
        call_command("verify", "--json", stdout=out, stderr=err)
        status = 0
    except CommandError as error:
        status = error.returncode
    report: dict[str, Any] = json.loads(out.getvalue().splitlines()[-1])
    assert status == (0 if report["ok"] else 1)
    return report


def _violations(name: str) -> list[str]:
    found = {result.name: result.violations for result in run_invariants()}
    return found[f"orchestration: {name}"]


def _sql(*statements: str) -> None:
    """Break the rows as no code of ours could: without the triggers that guard them."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        for statement in statements:
            cursor.execute(statement)
        cursor.execute("SET LOCAL session_replication_role = origin")


@contextmanager
def _registered(check: Any, name: str = "tests: a check of its own", **options: Any) -> Iterator[None]:
    invariant(name, **options)(check)
    try:
        yield
    finally:
        del verification._checks[name]


def _result(name: str = "tests: a check of its own") -> verification.CheckResult:
    return next(result for result in run_invariants() if result.name == name)


@pytest.fixture
def completed(db: None) -> SagaRun:
    return SagaRun(trip, INPUT, reference="T-completed").until_rest()


@pytest.fixture
def compensated(db: None) -> SagaRun:
    return SagaRun(trip, INPUT, reference="T-compensated", reject_at="sample.confirm").until_rest()


@pytest.fixture
def waiting(db: None) -> SagaRun:
    return SagaRun(trip, FULL, reference="T-waiting").until_rest()


@pytest.fixture
def undo_failed(db: None) -> SagaRun:
    faults = ["sample.confirm", "sample.free_seat"]
    return SagaRun(trip, INPUT, reference="T-undo-failed", reject_at=faults).until_rest()


def test_everything_is_in_place_after_sagas_of_every_ending(
    completed: SagaRun, compensated: SagaRun, waiting: SagaRun, undo_failed: SagaRun
) -> None:
    SagaRun(trip, INPUT, reject_at="sample.register").until_rest()
    SagaRun(trip, FULL).until_rest().cancel().until(lambda run: run.state == "cancelled")
    SagaRun(trip, FULL).until_rest().send("sample.seat_free", {"seat": "1A"}).until(
        lambda run: run.state == "completed"
    )
    SagaRun(trip, INPUT, lose_answer_at="sample.charge").until_rest()
    SagaRun(trip, INPUT, lose_answer_at="sample.charge", reject_at="sample.book_seat").until_rest()
    for seed in range(3):
        SagaRun(trip, INPUT, doubled=True, shuffled=seed, fail_at={"sample.confirm": 2}).until_rest()
    mended = SagaRun(trip, INPUT, reject_at={"sample.confirm": 1, "sample.free_seat": 1}).until_rest()
    assert mended.state == "undo_failed"
    mended.retry("sample.book_seat", "undo").until(lambda run: run.state == "compensated")
    states = set(Saga.objects.values_list("state", flat=True))
    assert states == {"completed", "compensated", "waiting", "undo_failed", "failed", "cancelled"}
    report = _verify()
    assert report["ok"], [check for check in report["checks"] if check["violations"]]
    checked = {check["name"]: check["checked"] for check in report["checks"]}
    silent = {"no event is in limbo", "what was decided is sent"}
    engine = [name for name in checked if name.startswith("orchestration: ")]
    assert len(engine) >= 20
    assert all(checked[name] > 0 for name in engine if name.removeprefix("orchestration: ") not in silent)


def _saga(run: SagaRun) -> str:
    return f"(SELECT id FROM orchestration_saga WHERE id = '{run.id}')"


def test_two_sagas_for_one_business_key_are_named(completed: SagaRun, waiting: SagaRun) -> None:
    _sql(
        "ALTER TABLE orchestration_saga DROP CONSTRAINT saga_one_per_business_key",
        f"UPDATE orchestration_saga SET business_key = 'twice' WHERE id IN ('{completed.id}', '{waiting.id}')",
    )
    assert _violations("one saga per definition and business key") == ["sample.trip twice: 2 sagas"]


def test_a_gap_in_a_history_is_named(completed: SagaRun) -> None:
    _sql(f"DELETE FROM orchestration_sagaevent WHERE saga_id = {_saga(completed)} AND seq = 3")
    assert "T-completed" in _violations("a history is numbered without gaps")[0]


def test_a_transition_that_is_not_permitted_is_named(completed: SagaRun) -> None:
    _sql(
        f"UPDATE orchestration_sagaevent SET before = 'completed', after = 'running' WHERE saga_id = {_saga(completed)} AND after = 'running'"
    )
    (found,) = _violations("every change of state in a history is a permitted one")
    assert "goes from completed to running" in found


def test_a_state_that_the_history_does_not_lead_to_is_named(completed: SagaRun) -> None:
    _sql(f"UPDATE orchestration_saga SET state = 'cancelled' WHERE id = '{completed.id}'")
    assert _violations("replaying a history gives the state the saga has") == [
        "sample.trip T-completed: the history leads to completed, the row says cancelled"
    ]


def test_a_change_that_begins_elsewhere_than_the_last_ended_is_named(waiting: SagaRun) -> None:
    _sql(
        f"UPDATE orchestration_sagaevent SET before = 'accepted' WHERE saga_id = {_saga(waiting)} AND after = 'waiting'"
    )
    (found,) = _violations("replaying a history gives the state the saga has")
    assert "begins at accepted, the one before ended at running" in found


def test_a_result_that_the_history_does_not_tell_of_is_named(waiting: SagaRun) -> None:
    _sql(
        f"UPDATE orchestration_sagastep SET state = 'done', done_seq = NULL WHERE saga_id = {_saga(waiting)} AND state = 'waiting'"
    )
    (found,) = _violations("a settled step stands in the history under the number its row names")
    assert "sample.seat_free (forward) is done, and no entry tells of it" in found


def test_a_step_after_the_end_is_named(completed: SagaRun) -> None:
    _sql(
        f"UPDATE orchestration_saga SET last_seq = last_seq + 1 WHERE id = '{completed.id}'",
        "INSERT INTO orchestration_sagaevent (saga_id, seq, kind, before, after, step, direction, who, data)"
        f" SELECT id, last_seq, 'step_done', '', '', 'sample.confirm', 'forward', 'engine', '{{}}' FROM orchestration_saga WHERE id = '{completed.id}'",
    )
    (found,) = _violations("nothing but annotations follows the end of a saga")
    assert "step_done comes after the end" in found


def test_a_late_result_after_the_end_is_no_violation(completed: SagaRun) -> None:
    _sql(
        f"UPDATE orchestration_saga SET last_seq = last_seq + 1 WHERE id = '{completed.id}'",
        "INSERT INTO orchestration_sagaevent (saga_id, seq, kind, before, after, step, direction, who, data)"
        f" SELECT id, last_seq, 'late_result', '', '', 'sample.charge', 'forward', 'engine', '{{}}' FROM orchestration_saga WHERE id = '{completed.id}'",
    )
    assert _verify()["ok"]


def test_an_effect_left_behind_is_named(compensated: SagaRun) -> None:
    _sql(
        f"DELETE FROM orchestration_sagastep WHERE saga_id = {_saga(compensated)} AND direction = 'undo' AND name = 'sample.charge'"
    )
    assert _violations("an undone saga has undone everything that was done") == [
        "sample.trip T-compensated: sample.charge is done, its undo is missing"
    ]


def test_an_undo_of_what_was_never_done_is_named(compensated: SagaRun) -> None:
    _sql(
        f"UPDATE orchestration_sagastep SET state = 'absent' WHERE saga_id = {_saga(compensated)} AND direction = 'forward' AND name = 'sample.charge'"
    )
    (found,) = _violations("nothing is undone that was not done")
    assert "sample.charge is undone; the saga is compensated, the action absent" in found


def test_an_undo_in_a_completed_saga_is_named(completed: SagaRun) -> None:
    _sql(
        "INSERT INTO orchestration_sagastep (saga_id, name, direction, state) VALUES"
        f" ('{completed.id}', 'sample.charge', 'undo', 'done')"
    )
    assert "the saga is completed" in _violations("nothing is undone that was not done")[0]


def test_a_closing_step_that_did_not_run_is_named(compensated: SagaRun) -> None:
    _sql(
        f"DELETE FROM orchestration_sagastep WHERE saga_id = {_saga(compensated)} AND direction = 'after_undo'"
    )
    (found,) = _violations("what is to follow undo has run before an undone saga ended")
    assert "sample.say_sorry should have followed undo, it is missing" in found


def test_undo_in_the_wrong_order_is_named(compensated: SagaRun) -> None:
    _sql(
        f"UPDATE orchestration_sagastep SET done_seq = 1 WHERE saga_id = {_saga(compensated)} AND direction = 'undo' AND name = 'sample.register'"
    )
    assert set(_violations("steps are undone in the reverse of their order")) == {
        "sample.trip T-compensated: sample.register was undone before sample.book_seat, which came after it",
        "sample.trip T-compensated: sample.register was undone before sample.charge, which came after it",
    }


def test_branches_beside_each_other_may_be_undone_in_any_order(compensated: SagaRun) -> None:
    _sql(
        f"UPDATE orchestration_sagastep SET done_seq = 2 WHERE saga_id = {_saga(compensated)} AND direction = 'undo' AND name = 'sample.charge'",
        f"UPDATE orchestration_sagastep SET done_seq = 3 WHERE saga_id = {_saga(compensated)} AND direction = 'undo' AND name = 'sample.book_seat'",
    )
    assert _violations("steps are undone in the reverse of their order") == []


def test_a_step_started_after_undo_began_is_named(compensated: SagaRun) -> None:
    _sql(
        f"UPDATE orchestration_sagastep SET started_at = statement_timestamp() WHERE saga_id = {_saga(compensated)} AND direction = 'forward' AND name = 'sample.charge'"
    )
    assert _violations("no step goes forward once undo has begun") == [
        "sample.trip T-compensated: sample.charge was started after undo had begun"
    ]


@pytest.mark.parametrize(("step", "is_wrong"), [("sample.book_seat", True), ("sample.charge", False)])
def test_only_an_external_result_may_be_recorded_after_undo_began(
    compensated: SagaRun, step: str, is_wrong: bool
) -> None:
    _sql(
        f"UPDATE orchestration_sagastep SET done_seq = (SELECT seq + 1 FROM orchestration_sagaevent WHERE saga_id = {_saga(compensated)} AND kind = 'undo_begun')"
        f" WHERE saga_id = {_saga(compensated)} AND direction = 'forward' AND name = '{step}'"
    )
    found = _violations("no step goes forward once undo has begun")
    assert found == (
        ["sample.trip T-compensated: sample.book_seat was recorded after undo had begun"] if is_wrong else []
    )


def test_an_undo_that_did_not_wait_for_a_branch_is_named(compensated: SagaRun) -> None:
    _sql(
        f"UPDATE orchestration_sagastep SET done_seq = 1000 WHERE saga_id = {_saga(compensated)} AND direction = 'forward' AND name = 'sample.charge'"
    )
    (found,) = _violations("undo waits until no step is in flight or unknown")
    assert "sample.charge was not settled when undo went to work" in found


def test_an_undo_past_the_pivot_is_named(compensated: SagaRun) -> None:
    _sql(
        "INSERT INTO orchestration_sagastep (saga_id, name, direction, state, done_seq) VALUES"
        f" ('{compensated.id}', 'sample.issue_ticket', 'forward', 'done', 2)"
    )
    assert _violations("there is no way back past the pivot") == [
        "sample.trip T-compensated: its pivot sample.issue_ticket is done, yet it was undone"
    ]


def test_an_undo_that_began_twice_is_named(compensated: SagaRun) -> None:
    _sql(
        "INSERT INTO orchestration_sagaevent (saga_id, seq, kind, before, after, step, direction, who, data)"
        f" VALUES ('{compensated.id}', 1000, 'undo_begun', 'running', 'compensating', '', '', 'engine', '{{}}')"
    )
    assert _violations("undo begins at most once in a saga") == [
        "sample.trip T-compensated: undo began 2 times"
    ]


def test_an_event_applied_twice_is_named(waiting: SagaRun) -> None:
    waiting.send("sample.seat_free", {"seat": "1A"}, event_id="event-1").until(
        lambda run: run.state == "completed"
    )
    assert _violations("an event is applied at most once, to one saga") == []
    _sql(
        "INSERT INTO orchestration_sagaevent (saga_id, seq, kind, before, after, step, direction, who, data)"
        f" VALUES ('{waiting.id}', 1000, 'event_applied', '', '', '', '', 'engine', '{{\"event\": \"event-1\"}}')"
    )
    (found,) = _violations("an event is applied at most once, to one saga")
    assert "event event-1 was applied 2 times, stored as applied 1 times" in found


def test_a_parked_event_that_a_saga_waits_for_is_named(waiting: SagaRun) -> None:
    _sql(
        "INSERT INTO orchestration_inboxmessage (id, source, event_id, type, key, envelope, state, reason, received_at)"
        f" VALUES (gen_random_uuid(), 'test', 'event-1', 'sample.seat_free', '{waiting.saga.business_key}', '{{}}', 'parked', '', now() - interval '1 hour')",
        f"UPDATE orchestration_sagastep SET started_at = now() - interval '1 hour' WHERE saga_id = {_saga(waiting)}",
    )
    assert _violations("no event is in limbo") == [
        "sample.trip T-waiting: waits for sample.seat_free, and event event-1 is parked"
    ]


def test_an_event_ignored_without_a_reason_is_named(db: None) -> None:
    _sql(
        "INSERT INTO orchestration_inboxmessage (id, source, event_id, type, key, envelope, state, reason)"
        " VALUES (gen_random_uuid(), 'test', 'event-1', 'sample.seat_free', 'k', '{}', 'ignored', '')"
    )
    assert "without saying where or why" in _violations("no event is in limbo")[0]


def test_a_message_that_lies_unsent_is_named(db: None) -> None:
    message = OutboxMessage.objects.create(kind="event", payload={"type": "sample.seat_free", "key": "k"})
    assert _violations("what was decided is sent") == []
    _sql("UPDATE orchestration_outboxmessage SET created_at = now() - interval '31 seconds'")
    assert _violations("what was decided is sent") == [
        f"message {message.id} (event) is not sent: sample.seat_free k"
    ]


def test_a_step_at_work_in_an_ended_saga_is_named(completed: SagaRun) -> None:
    _sql(
        f"UPDATE orchestration_sagastep SET state = 'running', lease_until = now() + interval '1 hour' WHERE saga_id = {_saga(completed)} AND name = 'sample.charge'"
    )
    assert _violations("an ended saga has no step at work") == [
        "sample.trip T-completed: has ended, sample.charge (forward) is running"
    ]


def test_a_failed_undo_without_an_incident_is_named(undo_failed: SagaRun) -> None:
    _sql("UPDATE orchestration_incident SET resolved_at = now()")
    assert len(_violations("an undo that failed for good has an open incident that names it")) == 1
    assert len(_violations("no open saga is forgotten")) == 1


def test_a_saga_that_nobody_looked_at_is_named(waiting: SagaRun) -> None:
    _sql(f"UPDATE orchestration_saga SET wake_at = now() - interval '61 seconds' WHERE id = '{waiting.id}'")
    (found,) = _violations("what is due is done")
    assert "T-waiting: waiting, and nobody has looked at it" in found


def test_a_saga_that_nothing_will_wake_is_named(waiting: SagaRun) -> None:
    _sql(f"UPDATE orchestration_saga SET wake_at = NULL WHERE id = '{waiting.id}'")
    assert _violations("no open saga is forgotten") == [
        "sample.trip T-waiting: waiting, and nothing will ever wake it"
    ]


def test_a_definition_that_changed_under_its_sagas_is_named(waiting: SagaRun) -> None:
    _sql(f"UPDATE orchestration_saga SET fingerprint = 'other' WHERE id = '{waiting.id}'")
    assert (
        "give the changed flow a new version"
        in _violations("a saga keeps the definition it was started with")[0]
    )


def test_an_open_saga_of_an_unknown_definition_is_named_until_a_person_knows(waiting: SagaRun) -> None:
    _sql(
        f"UPDATE orchestration_saga SET version = 99, created_at = now() - interval '1 hour' WHERE id = '{waiting.id}'"
    )
    name = "the definition of every open saga is known, or a person has been told"
    assert "version 99 of its definition is not known here" in _violations(name)[0]
    _sql(
        "INSERT INTO orchestration_incident (id, saga_id, kind, step, message, runbook, resolved_by, resolution)"
        f" VALUES (gen_random_uuid(), '{waiting.id}', 'unknown_definition', '', 'm', 'r', '', '')"
    )
    assert _violations(name) == []


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

    with _registered(broken, "orchestration: 0, a check before all others"):
        results = run_invariants()
    failed = [result for result in results if not result.ok]
    assert [result.name for result in failed] == ["orchestration: 0, a check before all others"]
    assert "division by zero" in failed[0].violations[0]


def test_what_is_seen_only_once_does_not_count(db: None) -> None:
    looks = iter([Finding(2, ["passing", "lasting"]), Finding(2, ["lasting", "new"])])
    with _registered(lambda: next(looks)):
        assert _result().violations == ["lasting"]


def test_a_check_sees_one_moment_and_can_change_nothing(transactional_db: None) -> None:
    seen: list[str] = []

    def look() -> Finding:
        with connection.cursor() as cursor:
            cursor.execute("SHOW transaction_isolation")
            seen.append(cursor.fetchone()[0])
        with pytest.raises(DatabaseError, match="read-only"), transaction.atomic():
            OutboxMessage.objects.create(kind="event")
        return Finding(1)

    with _registered(look):
        assert _result().ok
    with _registered(look, snapshot=False):
        assert _result().ok
    assert seen == ["repeatable read", "read committed"]


def test_two_checks_of_one_name_are_refused(db: None) -> None:
    def mine() -> Finding:
        return Finding(0)

    with _registered(mine):
        theirs = type(
            "Check", (), {"__module__": "elsewhere.invariants", "__call__": lambda self: Finding(0)}
        )()
        with pytest.raises(ValueError, match="two invariants are called 'tests: a check of its own'"):
            invariant("tests: a check of its own")(theirs)


def test_open_business_keys_are_those_of_sagas_that_have_not_ended(
    completed: SagaRun, compensated: SagaRun, waiting: SagaRun, undo_failed: SagaRun
) -> None:
    assert open_business_keys() == {waiting.saga.business_key, undo_failed.saga.business_key}


def test_the_report_for_people_names_what_is_out_of_place(waiting: SagaRun) -> None:
    _sql(f"UPDATE orchestration_saga SET wake_at = NULL WHERE id = '{waiting.id}'")
    out, err = StringIO(), StringIO()
    with pytest.raises(CommandError, match="1 check"):
        call_command("verify", stdout=out, stderr=err)
    assert "sample.trip T-waiting: waiting, and nothing will ever wake it" in out.getvalue()
    assert "checking orchestration: no open saga is forgotten" in err.getvalue()


def test_ten_thousand_sagas_are_checked_within_seconds(
    compensated: SagaRun, caplog: pytest.LogCaptureFixture
) -> None:
    """Guards against a question that looks at every saga by itself."""
    caplog.set_level(logging.WARNING)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '5s'")
        for table, columns in (
            (
                "saga",
                "definition, version, fingerprint, state, paused, epoch, milestone, reference, input, failure, rescues, trace_id, product_line, partition_key, last_seq, ended_at",
            ),
            (
                "sagastep",
                "name, direction, generation, state, task, deliveries, attempts, result, done_seq, started_at, ended_at",
            ),
            ("sagaevent", "seq, kind, before, after, step, direction, who, data, at"),
        ):
            if table == "saga":
                cursor.execute(
                    f"INSERT INTO orchestration_saga (id, business_key, {columns}) SELECT md5(n::text)::uuid, 'copy-' || n, {columns}"
                    f" FROM orchestration_saga, generate_series(1, 10000) n WHERE id = '{compensated.id}'"
                )
            else:
                cursor.execute(
                    f"INSERT INTO orchestration_{table} (saga_id, {columns}) SELECT md5(n::text)::uuid, {columns}"
                    f" FROM orchestration_{table}, generate_series(1, 10000) n WHERE saga_id = '{compensated.id}'"
                )
    results = {
        result.name: result for result in run_invariants() if result.name.startswith("orchestration: ")
    }
    assert [result for result in results.values() if not result.ok] == []
    assert results["orchestration: replaying a history gives the state the saga has"].checked == 10_001
