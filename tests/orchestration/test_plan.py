"""The planning core as a table: these rows, this moment, this answer. No database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestration.core.planning.canvas import Call, Fork, heads
from orchestration.core.planning.decisions import (
    BeginUndo,
    Escalate,
    Finish,
    OpenWait,
    Plan,
    Rest,
    Send,
    Settle,
    SettleAbsent,
)
from orchestration.core.planning.kinds import IncidentKind
from orchestration.core.planning.plan import plan
from orchestration.core.planning.states import Direction, SagaState, StepState
from orchestration.core.planning.views import SagaView, StepView
from tests.orchestration.sample import trip

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SOON, PAST = NOW + timedelta(seconds=5), NOW - timedelta(seconds=5)
EXTERNAL = {"charge", "issue_ticket"}
D, R = StepState.DONE, StepState.RUNNING


def rows(direction: Direction = Direction.FORWARD, /, **states: Any) -> dict[tuple[str, Direction], StepView]:
    """Rows by short name: a state, or (state, more fields)."""
    found = {}
    for short, given in states.items():
        state, more = given if isinstance(given, tuple) else (given, {})
        view = StepView(
            name=f"sample.{short}", direction=direction, state=state, external=short in EXTERNAL, **more
        )
        found[view.name, direction] = view
    return found


def undo(**states: Any) -> dict[tuple[str, Direction], StepView]:
    return rows(Direction.UNDO, **states)


BOOKED = {"register": D, "book_seat": (D, {"result_type": "Seat"}), "charge": D}
QUEUED = {**BOOKED, "book_seat": (D, {"result_type": "Queued"})}
ISSUED = {**BOOKED, "confirm": D, "issue_ticket": D}


def sent(decided: Plan) -> list[str]:
    """The steps published at once, by short name."""
    assert isinstance(decided, Send)
    return [call.step.removeprefix("sample.") for canvas in decided.canvases for call in heads(canvas)]


FORWARD: list[tuple[str, dict[str, Any], list[str]]] = [
    ("nothing yet: the first step", {}, ["register"]),
    ("first step done: both branches at once", {"register": D}, ["book_seat", "charge"]),
    ("a branch is parked and due: it alone is sent", {"register": D, "book_seat": (StepState.WAITING, {"due_at": PAST}), "charge": D}, ["book_seat"]),
    ("a branch lost its lease: it alone is sent", {"register": D, "book_seat": D, "charge": (R, {"lease_until": PAST})}, ["charge"]),
    ("an unknown outcome that is due is looked up by its own step", {"register": D, "book_seat": D, "charge": (StepState.UNKNOWN, {"due_at": PAST})}, ["charge"]),
    ("the join is complete: what follows", BOOKED, ["confirm"]),
    ("the waited-for event has come: what follows", {**QUEUED, "seat_free": D}, ["confirm"]),
    ("a message sent long ago is sent again", {"register": (StepState.PENDING, {"sent_at": NOW - timedelta(seconds=60)})}, ["register"]),
    ("a released claim is sent at once", {"register": (StepState.PENDING, {})}, ["register"]),
    ("past the pivot it goes on", ISSUED, ["send_ticket"]),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "expected"), [row[1:] for row in FORWARD], ids=[row[0] for row in FORWARD])
def test_what_is_sent_going_forward(steps: dict[str, Any], expected: list[str]) -> None:
    assert sent(plan(trip, SagaView(state=SagaState.RUNNING, steps=rows(**steps)), NOW)) == expected


OTHER: list[tuple[str, dict[str, Any], Plan]] = [
    ("a step is at work: rest until its lease ends", {"register": (R, {"lease_until": SOON})}, Rest(SOON)),
    ("a retry is not yet due", {"register": (StepState.WAITING, {"due_at": SOON})}, Rest(SOON)),
    ("a message was just sent: nothing is doubled", {"register": (StepState.PENDING, {"sent_at": NOW})}, Rest(NOW + timedelta(seconds=20))),
    ("the flow reaches a wait", QUEUED, OpenWait(trip.waits["sample.seat_free"])),
    ("it rests in the wait", {**QUEUED, "seat_free": (StepState.WAITING, {"due_at": SOON})}, Rest(SOON, waiting=True)),
    ("the wait times out", {**QUEUED, "seat_free": (StepState.WAITING, {"due_at": PAST})}, BeginUndo("event_timeout", "sample.seat_free")),
    ("a step was rejected", {"register": D, "book_seat": StepState.REJECTED}, BeginUndo("step_failed", "sample.book_seat")),
    ("a step past the pivot failed: forward only", {**ISSUED, "send_ticket": StepState.FAILED}, Escalate("sample.send_ticket", IncidentKind.STEP_FAILED)),
    ("everything is done", {**ISSUED, "send_ticket": D}, Finish(SagaState.COMPLETED)),
    ("a step ended it early, its sibling is at work: that is awaited", {"register": D, "book_seat": (D, {"skip_rest": True}), "charge": (R, {"lease_until": SOON})}, Rest(SOON)),
    ("the pivot was given up and may have acted: it is settled first", {**BOOKED, "confirm": D, "issue_ticket": (StepState.FAILED, {"unsure": True})}, Settle(("sample.issue_ticket",))),
    ("a step ended it early", {"register": (D, {"skip_rest": True})}, Finish(SagaState.COMPLETED)),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "expected"), [row[1:] for row in OTHER], ids=[row[0] for row in OTHER])
def test_what_else_is_decided_going_forward(steps: dict[str, Any], expected: Plan) -> None:
    assert plan(trip, SagaView(state=SagaState.RUNNING, steps=rows(**steps)), NOW) == expected


UNDO: list[tuple[str, dict[str, Any], dict[str, Any], Plan]] = [
    ("a branch is still at work: undo waits for it", {"register": D, "book_seat": StepState.REJECTED, "charge": (R, {"lease_until": SOON})}, {}, Rest(SOON)),
    ("its lease is over and it acts outside: settle first", {"register": D, "charge": (R, {"lease_until": PAST})}, {}, Settle(("sample.charge",))),
    ("a failed step whose outcome is unknown: settle first", {"register": D, "charge": (StepState.FAILED, {"unsure": True})}, {}, Settle(("sample.charge",))),
    ("its lease is over and it is ours: it never happened", {"register": D, "book_seat": (R, {"lease_until": PAST})}, {}, SettleAbsent(("sample.book_seat",))),
    ("nothing had happened", {"register": StepState.REJECTED}, {"say_sorry": D}, Finish(SagaState.FAILED)),
    ("an undo failed for good, the others are done", BOOKED, {"charge": StepState.FAILED, "book_seat": D, "register": D}, Finish(SagaState.UNDO_FAILED)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("steps", "undos", "expected"), [row[1:] for row in UNDO], ids=[row[0] for row in UNDO]
)
def test_what_is_decided_while_it_is_undone(
    steps: dict[str, Any], undos: dict[str, Any], expected: Plan
) -> None:
    closing = rows(
        Direction.AFTER_UNDO, **{name: undos.pop(name) for name in list(undos) if name == "say_sorry"}
    )
    view = SagaView(state=SagaState.COMPENSATING, steps=rows(**steps) | undo(**undos) | closing)
    assert plan(trip, view, NOW) == expected


def test_undo_runs_in_reverse_and_in_parallel_where_the_flow_did() -> None:
    decided = plan(trip, SagaView(state=SagaState.COMPENSATING, steps=rows(**BOOKED)), NOW)
    assert isinstance(decided, Send)
    fork, last = decided.canvases[0]
    assert isinstance(fork, Fork)
    assert {branch[0].step for branch in fork.branches} == {"sample.book_seat", "sample.charge"}
    assert isinstance(last, Call)
    assert (last.step, set(last.after)) == ("sample.register", {"sample.book_seat", "sample.charge"})


@pytest.mark.parametrize(
    ("cause", "undos", "expected"),
    [
        ("cancel", {"register": D}, SagaState.CANCELLED),
        ("cancel", {}, SagaState.CANCELLED),
        ("rejected", {"register": D}, SagaState.COMPENSATED),
        ("deadline", {"register": StepState.NOT_NEEDED}, SagaState.FAILED),
    ],
)
def test_the_terminal_state_says_why_it_ended(cause: str, undos: dict[str, Any], expected: SagaState) -> None:
    steps = (
        rows(register=D if undos else StepState.REJECTED)
        | undo(**undos)
        | rows(Direction.AFTER_UNDO, say_sorry=D)
    )
    assert plan(trip, SagaView(state=SagaState.COMPENSATING, cause=cause, steps=steps), NOW) == Finish(
        expected
    )


@pytest.mark.parametrize("pivot", [(R, {"lease_until": SOON}), (StepState.UNKNOWN, {"due_at": SOON}), D])
def test_a_deadline_does_not_undo_once_the_pivot_has_begun(pivot: Any) -> None:
    steps = rows(**{**BOOKED, "confirm": D, "issue_ticket": pivot})
    decided = plan(trip, SagaView(state=SagaState.RUNNING, deadline=PAST, steps=steps), NOW)
    assert not isinstance(decided, BeginUndo)


def test_a_deadline_undoes_before_the_pivot() -> None:
    view = SagaView(state=SagaState.RUNNING, deadline=PAST, steps=rows(**BOOKED))
    assert plan(trip, view, NOW) == BeginUndo("deadline", None)


@pytest.mark.parametrize(
    "state",
    [
        SagaState.COMPLETED,
        SagaState.CANCELLED,
        SagaState.COMPENSATED,
        SagaState.FAILED,
        SagaState.UNDO_FAILED,
    ],
)
def test_nothing_moves_an_ended_saga_or_one_a_person_must_decide(state: SagaState) -> None:
    assert plan(trip, SagaView(state=state), NOW) == Rest(None)


def test_a_paused_saga_rests() -> None:
    assert plan(trip, SagaView(state=SagaState.RUNNING, paused=True), NOW) == Rest(None)


def test_the_first_canvas_holds_one_fork_and_stops_at_the_choice() -> None:
    decided = plan(trip, SagaView(state=SagaState.ACCEPTED), NOW)
    assert isinstance(decided, Send)
    first, fork = decided.canvases[0]
    assert first == Call("sample.register", Direction.FORWARD)
    assert isinstance(fork, Fork)
    assert [call.after for branch in fork.branches for call in branch] == [("sample.register",)] * 2
