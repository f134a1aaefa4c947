"""What a function that performs a step may be, and may return."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from orchestration import Message, StepContext, external, local
from orchestration.engine.steps.participants import Participant, participant_for
from orchestration.errors import DefinitionError
from orchestration.testing import SagaRun
from tests.orchestration import sample
from tests.orchestration.sample import Charged, Queued, Seat, Ticket, TripInput, trip


class Out(Message):
    seat: str


class Wider(Out):
    extra: int = 0


reserve = local("refused.reserve", takes=Out, gives=Out)
charge = external("refused.charge", takes=Out, gives=Out)


async def waits(command: Any, context: StepContext) -> Out:
    return Out(seat="12A")


def yields(command: Any, context: StepContext) -> Any:
    yield Out(seat="12A")


class Waits:
    async def __call__(self, command: Any, context: StepContext) -> Out:
        return Out(seat="12A")


@functools.wraps(waits)
def wrapped(*given: Any) -> Any:
    return waits(*given)


@pytest.mark.parametrize("function", [waits, yields, Waits(), wrapped, functools.partial(waits)])
def test_a_function_that_would_never_run_is_refused_in_every_role(function: Callable[..., Any]) -> None:
    with pytest.raises(DefinitionError, match=r"refused\.reserve: .* Write `def`"):
        Participant(reserve, function)
    performer = Participant(charge, lambda command, context: None)
    for role in (performer.look_up, performer.cancel_by_key, performer.record):
        with pytest.raises(DefinitionError, match=r"refused\.charge: "):
            role(function)


@pytest.mark.parametrize(
    ("result", "told"),
    [(None, "nothing"), (Queued(place=1), "Queued"), ({"seat": "12A"}, "dict"), (Wider(seat="1"), "Wider")],
)
def test_a_result_other_than_promised_is_refused(result: object, told: str) -> None:
    performer = Participant(reserve, lambda command, context: None)
    with pytest.raises(TypeError, match=rf"refused\.reserve returned {told}, but its reference gives Out"):
        performer.check_result(result)


@pytest.mark.parametrize("task", ["sample.book_seat", "sample.charge", "sample.confirm"])
def test_the_step_that_returns_the_wrong_thing_is_blamed_for_it(
    db: None, monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    wrong = None if task == "sample.book_seat" else Seat(seat="1")
    performer = participant_for(task)
    assert performer is not None
    monkeypatch.setattr(performer, "act", lambda command, context: wrong)
    run = SagaRun(trip, TripInput(name="Ada")).until_rest()
    assert run.state == "compensated"
    failure = run.saga.failure or {}
    assert (failure["kind"], failure["step"], failure["code"]) == ("exhausted", task, "TypeError")


@pytest.mark.parametrize("answer", [Ticket(ticket="T"), None])
def test_a_scripted_answer_of_a_wrong_type_is_refused(db: None, answer: Any) -> None:
    with pytest.raises(TypeError, match=r"sample\.charge returned .*, but its reference gives Charged"):
        SagaRun(trip, TripInput(name="Ada"), answers={"sample.charge": answer})
    assert (
        SagaRun(trip, TripInput(name="Ada"), answers={"sample.charge": Charged(charge="c")})
        .until_rest()
        .state
    )
    assert sample.charge.gives == (Charged,)
