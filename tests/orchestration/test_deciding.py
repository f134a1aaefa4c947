"""What a person decides about one step: retried, settled by hand, or left out; kept, and decided once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from orchestration import saga, step
from orchestration.core.definition import registry
from orchestration.crash.points import listening
from orchestration.engine.messages.transport import use_transport
from orchestration.engine.steps.delivering import perform
from orchestration.errors import InvalidDecision, TransitionRefused
from orchestration.models import Incident, SagaEvent
from orchestration.services import retry_step, settle_step, skip_step
from orchestration.testing import SagaRun
from orchestration.verification import open_business_keys, run_invariants
from tests.orchestration import sample
from tests.orchestration.deliveries import message
from tests.orchestration.sample import Command, TripInput, effects, provider, trip

INPUT = TripInput(name="Ada")
REFUND_FAILS = {"sample.confirm": 9, "sample.refund": 1}
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def stuck() -> SagaRun:
    """`undo_failed`: the refund was refused for good, everything else is undone."""
    run = SagaRun(trip, INPUT, reference="T-1", reject_at=REFUND_FAILS).until_rest()
    assert (run.state, [i.step for i in run.incidents]) == ("undo_failed", ["sample.charge"])
    return run


def _in_place() -> list[str]:
    return [
        text for result in run_invariants() for text in result.violations if "orchestration" in result.name
    ]


@pytest.mark.parametrize("decide", [settle_step, skip_step])
def test_a_failed_undo_that_a_person_settles_or_skips_lets_the_saga_end(
    stuck: SagaRun, decide: Callable[..., Any]
) -> None:
    given = {"outcome": "done"} if decide is settle_step else {}
    stuck.decide(decide, step="sample.charge", direction="undo", by="grace", reason="paid in cash", **given)
    stuck.until(lambda each: each.state == "compensated")
    assert stuck.step("sample.charge", "undo").state == ("done" if given else "skipped")
    assert provider.count("refund") == 0
    assert effects(stuck.id)[-1] == "say_sorry:scripted"
    (closed,) = Incident.objects.filter(saga_id=stuck.id)
    assert (closed.resolved_by, closed.resolution) == ("grace", "paid in cash")
    entry = SagaEvent.objects.get(saga_id=stuck.id, who="grace", after="")
    assert (entry.step, entry.direction, entry.data["reason"]) == ("sample.charge", "undo", "paid in cash")
    assert _in_place() == []
    assert (stuck.saga.business_key in open_business_keys()) is (decide is skip_step)


def test_what_does_not_fit_the_saga_is_refused(stuck: SagaRun) -> None:
    at_charge = {"step": "sample.charge", "outcome": "done"}
    for told, arguments in {
        "its outcome is known": at_charge,
        "has not begun": {**at_charge, "step": "sample.issue_ticket"},
        "has not failed": {**at_charge, "step": "sample.book_seat", "direction": "undo"},
    }.items():
        with pytest.raises(TransitionRefused, match=told):
            stuck.decide(settle_step, **arguments)
    with pytest.raises(InvalidDecision, match="retried or skipped"):
        stuck.decide(settle_step, step="sample.charge", direction="undo", outcome="absent")
    with pytest.raises(TransitionRefused, match="was not given up"):
        stuck.decide(skip_step, step="sample.register")
    with pytest.raises(InvalidDecision, match="goes forward"):
        stuck.decide(skip_step, step="sample.confirm", direction="forward")
    assert stuck.state == "undo_failed"


@pytest.mark.parametrize("second", [retry_step, settle_step, skip_step])
def test_of_two_people_at_once_one_decides_and_the_other_is_told(
    stuck: SagaRun, second: Callable[..., Any]
) -> None:
    barrier, refusals, won = threading.Barrier(2), [], []

    def decide(service: Callable[..., Any], who: str) -> None:
        more = {"outcome": "done"} if service is settle_step else {}
        try:
            barrier.wait()
            with use_transport(stuck.transport):
                service(
                    saga_id=stuck.id,
                    step="sample.charge",
                    direction="undo",
                    by=who,
                    reason=f"{who}'s",
                    **more,
                )
            won.append(who)
        except TransitionRefused as refused:
            refusals.append(str(refused))
        finally:
            connection.close()

    threads = [threading.Thread(target=decide, args=pair) for pair in ((skip_step, "ada"), (second, "grace"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(refusals)) == (1, 1)
    assert f"{won[0]} has decided" in refusals[0]
    assert SagaEvent.objects.filter(saga_id=stuck.id, kind="undo_resumed").count() == 1
    assert stuck.until(lambda each: each.state == "compensated").incidents == []


@pytest.mark.parametrize("policy", ["go_on", "stop"])
def test_policy_says_whether_the_other_undos_go_on_when_one_fails_for_good(policy: Any) -> None:
    """Steps A, B, C: C fails, then the undo of B; what becomes of A is the policy's."""
    a, b, c = (
        step(sample.register, undo=sample.unregister),
        step(sample.charge, undo=sample.refund),
        step(sample.confirm),
    )
    definition = saga(f"sample.{policy}", version=1, input=TripInput, flow=a | b | c, undo_policy=policy)
    try:
        run = SagaRun(definition, INPUT, reject_at=REFUND_FAILS).until_rest()
        assert run.state == "undo_failed"
        (incident,) = run.incidents
        assert (incident.step, "says no by script" in incident.message) == ("sample.charge", True)
        assert f"saga skip {run.id} sample.charge --undo" in incident.runbook
        assert run.undone == (["sample.register"] if policy == "go_on" else [])
        run.decide(skip_step, step="sample.charge").until(lambda each: each.state == "compensated")
        assert run.undone == ["sample.register"]
        assert effects(run.id) == ["register", "unregister"]
    finally:
        registry.forget(definition)


def test_a_deadline_that_passes_while_a_step_runs_has_its_late_success_undone() -> None:
    run = SagaRun(trip, INPUT).until(lambda each: "sample.register" in each.done)
    act = sample.do_charge.act

    def slow(command: Command, context: Any) -> Any:
        run.skip(31 * 86400)
        sample.do_charge.act = act
        return act(command, context)

    sample.do_charge.act = slow
    with run._at_work():
        perform(sample.do_charge, message(run, "charge", after=("sample.register",)))
    assert run.saga.failure is not None
    assert run.saga.failure["kind"] == "deadline"
    assert run.until_rest().state == "compensated"
    assert (provider.count("charge"), provider.count("refund")) == (1, 1)


@pytest.mark.parametrize("decide", [retry_step, settle_step, skip_step])
def test_a_decision_takes_effect_although_its_process_dies_before_anybody_is_woken(
    stuck: SagaRun, decide: Callable[..., Any]
) -> None:
    class Died(BaseException):
        pass

    def die(point: str, *_: Any) -> None:
        if point == "K20":
            raise Died

    more = {"outcome": "done"} if decide is settle_step else {}
    with listening(die), pytest.raises(Died):
        stuck.decide(decide, step="sample.charge", direction="undo", **more)
    assert stuck.state == "compensating"
    assert stuck.until(lambda each: each.state == "compensated").incidents == []
