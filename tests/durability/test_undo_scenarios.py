"""The undo scenarios by their numbers, as far as steps, providers and people alone decide: A → B → C → D, each an effect.

Those in which deliveries, workers, the broker or the database go wrong are in `test_undo_disturbed.py`.
"""

from __future__ import annotations

from typing import Any

import pytest

from orchestration import saga
from orchestration.core.definition import registry
from orchestration.models import InboxDelivery, SagaStep
from orchestration.services import settle_step, skip_step
from orchestration.testing import SagaRun
from tests.durability import chain
from tests.durability.chain import (
    Go,
    effects,
    pivoted,
    provider,
    seen_by_undo,
    stopping,
    straight,
    waiting,
)
from tests.durability.chain_by_hand import start

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("empty_chain")]
BY: dict[str, Any] = {"by": "ada", "reason": "seen at the provider"}


def test_01_all_succeed_and_nothing_is_undone() -> None:
    run = start().until_rest()
    assert (run.state, effects(), effects("undo")) == ("completed", "abcd", "")


def test_02_the_last_step_fails_and_all_before_it_is_undone_once_in_reverse() -> None:
    run = start(reject_at="chain.d").until_rest()
    assert (run.state, effects(), effects("undo")) == ("compensated", "abc", "cba")


def test_03_a_step_fails_and_what_comes_after_it_is_never_called() -> None:
    run = start(reject_at="chain.c").until_rest()
    assert (run.state, effects("undo")) == ("compensated", "ba")
    assert "chain.d" not in {task for task, _, _ in run.script.calls}


def test_04_the_first_step_fails_and_nothing_has_to_be_undone() -> None:
    run = start(reject_at="chain.a").until_rest()
    assert (run.state, effects(), effects("undo")) == ("failed", "", "")


def test_05_transient_failures_within_the_policy_undo_nothing() -> None:
    run = start(fail_at={"chain.a": 2, "chain.b": 4, "chain.d": 1}).until_rest()
    assert (run.state, effects(), effects("undo")) == ("completed", "abcd", "")


def test_06_an_undo_that_fails_twice_and_then_works_has_its_effect_once_and_the_next_comes_after_it() -> None:
    run = start(reject_at="chain.d", fail_at={"chain.unb": 2}).until_rest()
    assert (run.state, effects("undo")) == ("compensated", "cba")


@pytest.mark.parametrize("decision", ["retry", "settle", "skip"])
@pytest.mark.parametrize(
    ("definition", "meanwhile", "finally_"), [(straight, "ca", "cab"), (stopping, "c", "cba")]
)
def test_07_an_undo_that_fails_for_good_waits_for_a_person_who_can_retry_settle_or_skip(
    definition: Any, meanwhile: str, finally_: str, decision: str
) -> None:
    run = start(definition, reject_at={"chain.d": 1, "chain.unb": 1}).until_rest()
    assert (run.state, effects("undo")) == ("undo_failed", meanwhile)
    incident = run.incidents[0]
    assert (incident.kind, incident.step) == ("undo_failed", "chain.b")
    assert "chain.unb says no" in incident.message
    assert "chain.b" in incident.runbook
    with run._at_work():
        match decision:
            case "retry":
                run.retry("chain.b", "undo")
            case "settle":
                settle_step(saga_id=run.id, step="chain.b", direction="undo", outcome="done", **BY)
            case _:
                skip_step(saga_id=run.id, step="chain.b", direction="undo", **BY)
    run.until(lambda each: each.state == "compensated")
    assert effects("undo") == (finally_ if decision == "retry" else finally_.replace("b", ""))
    assert run.incidents == []


def test_12_read_in_the_middle_of_undo_the_status_tells_done_undone_waiting_and_failed_apart() -> None:
    provider.modes["chain.b", "undo"] = ("busy", 1)
    run = start(reject_at="chain.d")
    run.until(
        lambda each: SagaStep.objects.filter(saga_id=each.id, direction="undo", state="waiting").exists()
    )
    rows = {(row.name[-1], row.direction): row.state for row in run.saga.steps.all()}
    assert run.state == "compensating"
    assert rows == {
        ("a", "forward"): "done",
        ("b", "forward"): "done",
        ("b", "undo"): "waiting",
        ("c", "forward"): "done",
        ("c", "undo"): "done",
        ("d", "forward"): "rejected",
    }
    run.until_rest()


def test_13_the_undo_sees_the_errors_code_message_and_step() -> None:
    provider.modes["chain.d", "forward"] = ("decline", 1)
    run = start().until_rest()
    assert run.state == "compensated"
    assert {(f.kind, f.step, f.code, f.message) for f in seen_by_undo if f} == {
        ("rejected", "chain.d", "declined", "no")
    }
    assert len(seen_by_undo) == 3


def test_14_an_event_that_comes_after_the_cancel_is_kept_shown_and_not_applied() -> None:
    run = start(waiting).until_rest().cancel()
    run.send("chain.go").until(lambda each: each.state == "cancelled")
    kept = InboxDelivery.objects.get(saga_id=run.id)
    assert kept.state == "ignored"
    assert kept.reason
    assert (effects(), effects("undo")) == ("ab", "ba")


def test_17_a_step_past_the_pivot_fails_and_there_is_only_forward() -> None:
    run = start(pivoted, fail_at={"chain.d": 9}).until_rest()
    assert (run.state, effects(), effects("undo")) == ("completed", "abcd", "")


def test_18_a_saga_keeps_its_definition_when_a_new_one_is_deployed() -> None:
    run = start()
    run.until(lambda each: "chain.a" in each.done)
    newer = saga("chain.straight", version=2, input=Go, flow=chain.A | chain.D)
    try:
        fresh = SagaRun(newer, Go())
        assert run.until_rest().done == ["chain.a", "chain.b", "chain.c", "chain.d"]
        assert fresh.until_rest().done == ["chain.a", "chain.d"]
        assert (run.saga.version, fresh.saga.version) == (1, 2)
    finally:
        registry.forget(newer)
