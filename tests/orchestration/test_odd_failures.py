"""Whatever a step or a look-up fails with, it is recorded, and the saga is undone, or a person is told."""

from __future__ import annotations

import json
from asyncio import CancelledError
from datetime import timedelta
from decimal import Decimal
from signal import SIGTERM
from typing import Any
from uuid import UUID

import pytest
from billiard import common as billiard

from orchestration import (
    OutcomeUnknown,
    StepRejected,
    StepRetryable,
)
from orchestration.engine.steps import failures
from orchestration.models import SagaEvent
from orchestration.testing import SagaRun
from tests.orchestration import sample
from tests.orchestration.sample import TripInput, provider, trip

INPUT = TripInput(name="Ada")
SPOILT = "a\0b\ud800c"


class Wild(Exception):
    """An error whose own text is broken."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


class Declined(StepRejected):
    """The card was declined."""

    def __init__(self, card: str) -> None:
        self.card = card  # and nothing of what StepRejected keeps


class Odd(Exception):
    """An error that cannot be looked into."""

    @property
    def __cause__(self) -> Any:  # type: ignore[override] # what is broken
        raise RuntimeError("no cause")


class Unshown(dict[str, Any]):
    """Data that cannot be read."""

    def items(self) -> Any:
        raise RuntimeError("no items")


def _of_itself() -> dict[str, Any]:
    found: dict[str, Any] = {"name": "root"}
    found["children"] = [{"parent": found, "root": found} for _ in range(5)]
    return found


def _twice_each() -> list[Any]:
    """Two to the 39th parts, in forty lists."""
    found: list[Any] = []
    for _ in range(39):
        found = [found, found]
    return found


FAILURES: dict[str, BaseException] = {
    "declined, in words no database keeps": StepRejected(
        SPOILT, code="de\0clined", data={"id": UUID(int=1), "x": float("nan")}
    ),
    "declined in eight megabytes": StepRejected("x" * 8_000_000, data={"page": "y" * 8_000_000}),
    "an error of its own": ValueError(SPOILT),
    "an error without a text": Wild(),
    "silence": OutcomeUnknown(SPOILT, data={"d": Decimal(1)}),
    "come back in the year 59,000": StepRetryable("busy", retry_after=1.8e12),
    "come back, as a header says it": StepRetryable("busy", retry_after="30"),
    "come back on a date": StepRetryable("busy", retry_after="Wed, 21 Oct 2026 07:28:00 GMT"),
    "come back after a timedelta": StepRetryable("busy", retry_after=timedelta(seconds=30)),
    "a class of its own": Declined("4242"),
    "data that hold themselves": StepRejected("no", data=_of_itself()),
    "data of a billion parts": StepRejected("no", data={"parts": _twice_each()}),
    "data that cannot be read": StepRejected("no", data={"page": Unshown(a=1)}),
    "data that are a list": StepRejected("no", data=[1, 2]),  # type: ignore[arg-type] # the fault
    "a code that is a number": StepRejected("no", code=404),  # type: ignore[arg-type] # the fault
    "an exit": SystemExit(2),
    "a cancelled coroutine": CancelledError(),
    "a panic": BaseException("panic"),
    "no text at all": TimeoutError(),
}


@pytest.mark.django_db
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("step", ["do_charge", "do_book_seat"])
def test_whatever_a_step_fails_with_is_recorded_and_the_saga_is_undone(
    monkeypatch: pytest.MonkeyPatch, failure: BaseException, step: str
) -> None:
    def fail(*_: Any) -> Any:
        raise failure

    # Where tests run in parallel, what they log is sent as UTF-8, and half a surrogate pair has none.
    monkeypatch.setattr(failures.logger, "disabled", True)
    monkeypatch.setattr(getattr(sample, step), "act", fail)
    run = SagaRun(trip, INPUT).until_rest()
    assert run.state == "compensated"
    assert run.incidents == []
    assert run.saga.failure is not None
    assert run.saga.failure["message"]
    assert max(len(json.dumps(entry.data)) for entry in SagaEvent.objects.filter(saga_id=run.id)) < 20_000


@pytest.mark.django_db
def test_an_error_that_cannot_be_looked_into_is_recorded_as_that_and_a_person_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any) -> Any:
        raise Odd("?")

    monkeypatch.setattr(failures.logger, "disabled", True)
    act = sample.do_book_seat.act
    monkeypatch.setattr(sample.do_book_seat, "act", fail)
    run = SagaRun(trip, INPUT).until(lambda run: bool(run.incidents))
    assert [(each.kind, each.step) for each in run.incidents] == [("cannot_record", "sample.book_seat")]
    monkeypatch.setattr(sample.do_book_seat, "act", act)
    assert run.until_rest().state == "completed"
    assert run.incidents == []


UNCLEAR = {name: failure for name, failure in FAILURES.items() if not isinstance(failure, StepRejected)}


@pytest.mark.django_db
@pytest.mark.parametrize("failure", UNCLEAR.values(), ids=UNCLEAR)
def test_whatever_a_look_up_answers_while_the_saga_is_undone_a_person_is_told_and_it_goes_on_when_mended(
    monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    def fail(*_: Any) -> Any:
        raise failure

    monkeypatch.setattr(failures.logger, "disabled", True)
    asked = {name: getattr(sample.do_charge, name) for name in ("find", "refuse")}
    for name in asked:
        monkeypatch.setattr(sample.do_charge, name, fail)
    run = SagaRun(trip, INPUT, lose_answer_at="sample.charge").until(lambda run: bool(run.incidents))
    assert {each.step for each in run.incidents} == {"sample.charge"}
    assert all(each.message for each in run.incidents)
    for name, function in asked.items():
        monkeypatch.setattr(sample.do_charge, name, function)
    assert run.until_rest().state == "compensated"
    assert (run.incidents, provider.count("refund")) == ([], 1)


@pytest.mark.django_db
def test_a_worker_that_is_told_to_go_in_the_midst_of_a_step_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def told_to_go(*_: Any) -> Any:
        handle: Any = vars(billiard)["_shutdown_cleanup"]  # what its handler for the signal is
        handle(SIGTERM, None)

    monkeypatch.setattr(billiard, "_should_have_exited", [False])
    monkeypatch.setattr(billiard, "maybe_setsignal", lambda *_: None)
    act = sample.do_book_seat.act
    monkeypatch.setattr(sample.do_book_seat, "act", told_to_go)
    run = SagaRun(trip, INPUT)
    with pytest.raises(SystemExit):
        run.until_rest()
    monkeypatch.setattr(sample.do_book_seat, "act", act)
    assert run.until_rest().state == "completed"
