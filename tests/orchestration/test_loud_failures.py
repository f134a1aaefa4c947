"""A bug in a step is heard: a log record with its traceback, and signals after the commit."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.dispatch import Signal

from orchestration import signals
from orchestration.errors import StepRejected
from orchestration.testing import SagaRun
from tests.orchestration.sample import TripInput, trip

INPUT = TripInput(name="Ada")
LOUD = "orchestration.engine.steps.failures"


@pytest.fixture
def heard() -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """What was sent, in that order."""
    found: list[tuple[str, dict[str, Any]]] = []
    receivers = []
    for name in ("step_failed", "saga_ended", "incident_opened", "incident_closed"):
        signal: Signal = getattr(signals, name)

        def hear(sender: Any, signal: Signal, name: str = name, **what: Any) -> None:
            found.append((name, what))

        signal.connect(hear)
        receivers.append((signal, hear))
    yield found
    for signal, hear in receivers:
        signal.disconnect(hear)


@pytest.mark.parametrize("step", ["sample.register", "sample.charge", "sample.issue_ticket"])
def test_what_is_no_error_of_a_step_is_logged_with_its_traceback_and_whose_it_is(
    db: None, caplog: pytest.LogCaptureFixture, step: str
) -> None:
    run = SagaRun(trip, INPUT, reference="T-7", fail_at={step: 1}).until_rest()
    (record,) = [each for each in caplog.records if each.name == LOUD]
    assert record.levelno == logging.ERROR
    assert all(part in record.getMessage() for part in ("T-7", str(run.id), step, "Boom"))
    assert record.exc_info is not None
    assert "fails by script" in str(record.exc_info[1])
    assert record.exc_info[2] is not None


def test_what_a_step_says_is_no_bug(db: None, caplog: pytest.LogCaptureFixture) -> None:
    SagaRun(trip, INPUT, reject_at="sample.confirm", lose_answer_at={"sample.charge": 1}).until_rest()
    assert [each for each in caplog.records if each.name == LOUD] == []
    assert StepRejected.code == "rejected"


def test_signals_tell_of_failures_incidents_and_ends_after_the_commit(
    transactional_db: None, heard: list[tuple[str, dict[str, Any]]]
) -> None:
    run = SagaRun(trip, INPUT, reference="T-8", fail_at={"sample.send_ticket": 7}).until_rest()
    names = [name for name, _ in heard]
    assert names[:5] == ["step_failed"] * 5
    assert names[5:] == ["incident_opened", "step_failed", "step_failed", "incident_closed", "saga_ended"]
    failed = heard[0][1]
    assert (failed["saga_id"], failed["reference"], failed["step"]) == (run.id, "T-8", "sample.send_ticket")
    assert (failed["attempt"], failed["final"], failed["error"]["kind"]) == (1, False, "Boom")
    assert heard[-1][1] == {"saga_id": run.id, "state": "completed"}


def test_a_transaction_that_is_rolled_back_tells_nothing_and_a_receiver_that_fails_harms_nobody(
    transactional_db: None, heard: list[tuple[str, dict[str, Any]]]
) -> None:
    def broken(**_: Any) -> None:
        raise RuntimeError("a receiver's bug")

    signals.saga_ended.connect(broken)
    try:
        assert SagaRun(trip, INPUT).until_rest().state == "completed"
    finally:
        signals.saga_ended.disconnect(broken)
    assert [name for name, _ in heard] == ["saga_ended"]
    run = SagaRun(trip, INPUT)
    with transaction.atomic():
        run.cancel()
        run.until(lambda run: run.saga.ended_at is not None)
        transaction.set_rollback(True)
    assert [name for name, _ in heard] == ["saga_ended"]
