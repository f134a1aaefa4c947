"""`saga_check` sees what was only renamed: a result's type under a choice that is to come, an event under a wait or behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from orchestration import (
    Message,
    SagaDefinition,
    choice,
    days,
    escalate,
    local,
    saga,
    step,
    wait_for,
)
from orchestration.core.definition import registry
from orchestration.core.definition.nodes import Node
from orchestration.engine.flow.inbox import receive_event
from orchestration.engine.messages.transport import use_transport
from orchestration.engine.outbox.sweep import sweep
from orchestration.errors import UnknownDefinition
from orchestration.models import Saga
from orchestration.operations.stranding import outlook
from orchestration.testing import SagaRun
from tests.orchestration import sample
from tests.orchestration.sample import Queued, Seat, TripInput

Define = Callable[[Node], SagaDefinition]

A, C = step(sample.register, undo=sample.unregister), step(sample.confirm, pivot=True)
BOOKED = step(sample.book_seat, undo=sample.free_seat)


class InQueue(Message):
    """`Queued` under another name."""

    place: int


class Platform(Message):
    platform: int


RENAMED = step(local("sample.book_seat", takes=sample.BookSeat, gives=Seat | InQueue), undo=sample.free_seat)


def here(event: str = "sample.here", gives: type[Message] | None = None) -> Node:
    return wait_for(event, name="the train", within=days(2), otherwise=escalate, gives=gives)


def first(event: str = "sample.first") -> Node:
    return wait_for(event, name="first", within=days(2), otherwise=escalate)


@pytest.fixture
def define() -> Iterator[Define]:
    """Define `sample.renamed`; what is defined again replaces it, as new code does."""
    made: list[SagaDefinition] = []

    def defined(flow: Node) -> SagaDefinition:
        for old in made:
            registry.forget(old)
        made.append(saga("sample.renamed", version=1, input=TripInput, flow=flow))
        return made[-1]

    yield defined
    for each in made:
        registry.forget(each)


def _waiting(definition: SagaDefinition, **given: Any) -> SagaRun:
    run = SagaRun(definition, TripInput(name="Ada", full=True), **given).until_rest()
    assert run.state == "waiting"
    return run


def _told() -> list[str]:
    """What this code would strand sagas by."""
    return [why for each in outlook().stranded for why in each.why]


pytestmark = pytest.mark.django_db

BY_TYPE = choice(sample.book_seat, {Queued: step(sample.confirm, name="late")})


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (
            RENAMED | here() | choice(sample.book_seat, {InQueue: step(sample.confirm, name="late")}),
            "sample.book_seat has given Queued, which it does not give any more, and a choice goes by it",
        ),
        (RENAMED | here() | C, None),  # nobody asks any more
        (BOOKED | here() | choice(sample.book_seat, {Queued: C}), None),
    ],
)
def test_a_renamed_result_under_a_choice_that_is_to_come_is_named(
    define: Define, now: Node, why: str | None
) -> None:
    _waiting(define(BOOKED | here() | BY_TYPE))
    define(now)
    assert _told() == ([why] if why else [])


@pytest.mark.parametrize(
    ("decides", "branches"),
    [
        (RENAMED, {InQueue: here()}),
        (BOOKED, {Seat: here()}),
        (BOOKED, {Queued: step(sample.send_ticket), Seat: here()}),
    ],
)
def test_a_wait_or_step_in_a_branch_that_is_taken_no_more_is_named(
    define: Define, decides: Node, branches: dict[type[Message], Node]
) -> None:
    _waiting(define(BOOKED | choice(sample.book_seat, {Queued: here()}) | C))
    define(decides | choice(sample.book_seat, branches) | C)
    assert _told() == [
        "the train, which it has begun, is in a branch that Queued of sample.book_seat does not take any more"
    ]


def test_a_choice_that_lies_behind_may_be_renamed(define: Define) -> None:
    run = _waiting(define(BOOKED | BY_TYPE | here() | step(sample.send_ticket)))
    assert "late" in run.done
    define(
        RENAMED
        | choice(sample.book_seat, {InQueue: step(sample.confirm, name="late")})
        | here()
        | step(sample.send_ticket)
    )
    assert _told() == []
    assert run.send("sample.here").until(lambda each: each.state == "completed").undone == []


def test_an_event_renamed_under_an_open_wait_is_named(define: Define) -> None:
    run = _waiting(define(A | here() | C))
    define(A | here("sample.arrived") | C)
    assert _told() == [
        "wait the train, which is open, was for sample.here and is for sample.arrived now: one that is under way would not fit it"
    ]
    define(A | here() | C)
    run.send("sample.here").until(lambda each: each.state == "completed")


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (here("sample.arrived"), "event sample.here has come for it already, and no wait is for that type any more"),
        (here(gives=Platform), "event sample.here has come for it already, and does not fit the train any more: platform, gate"),
        (here(), None),
    ],
)  # fmt: skip
def test_an_event_that_came_early_and_fits_no_wait_any_more_is_named(
    define: Define, now: Node, why: str | None
) -> None:
    run = _waiting(define(A | first() | here() | step(sample.send_ticket)))
    came = {"id": "e1", "type": "sample.here", "source": "sample", "key": run.saga.business_key}
    receive_event({**came, "specversion": "1.0", "time": "2026-01-01T00:00:00Z", "data": {"gate": 4}})
    define(A | first() | now | C)
    assert _told() == ([why] if why else [])


def test_where_it_is_deployed_all_the_same_nothing_goes_the_wrong_way(define: Define) -> None:
    run = _waiting(define(BOOKED | here() | BY_TYPE | step(sample.send_ticket)))
    renamed: dict[type[Message], Node] = {InQueue: step(sample.confirm, name="late")}
    define(RENAMED | here() | choice(sample.book_seat, renamed) | step(sample.send_ticket))
    with pytest.raises(UnknownDefinition, match="has given Queued, which it does not give any more"):
        run.send("sample.here").until_rest()
    Saga.objects.filter(id=run.id).update(wake_at="2000-01-01T00:00Z")
    with use_transport(run.transport):
        sweep()
    (incident,) = run.incidents
    assert (incident.kind, "Queued" in incident.message) == ("cannot_plan", True)
    assert run.done == ["sample.book_seat", "the train"]
    define(BOOKED | here() | BY_TYPE | step(sample.send_ticket))
    run.skip(61).until_rest()
    assert (run.state, run.incidents) == ("completed", [])
    assert run.done == ["sample.book_seat", "the train", "late", "sample.send_ticket"]
