"""The pure core under any definition and any history of outcomes: it always knows what is next, and never too early.

No database: a toy shell carries decisions out on plain views, as `engine/flow/advance.py` does on rows.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from orchestration.core.planning import admission, undoing
from orchestration.core.planning.states import TERMINAL, Direction, SagaState, StepState
from tests.durability import toy_rows
from tests.durability.flows import Flow, flows
from tests.durability.toy_answers import Answer
from tests.durability.toy_shell import Toy

EXAMPLES = settings(max_examples=150, deadline=None, derandomize=True, database=None)
ANSWERS = st.lists(st.sampled_from([*[Answer.OK] * 4, *Answer]), min_size=8, max_size=25)
"""Mostly well, so that there is something to undo when it goes wrong."""
CANCELS = st.one_of(st.none(), st.integers(1, 9))
CHOICES = st.lists(st.integers(0, 7), min_size=15, max_size=40)


def run(
    flow: Flow,
    answers: list[Answer],
    choices: list[int],
    *,
    cancel_at: int | None = None,
    forged: bool = False,
) -> Toy:
    """Play a saga to its rest; after the given answers everything works."""
    toy = Toy(flow.definition(), answers, choices, cancel_at, forged=forged)
    toy.until_rest()
    return toy


@EXAMPLES
@given(flows(), ANSWERS, CHOICES)
def test_it_always_ends_or_waits_for_a_person(flow: Flow, answers: list[Answer], choices: list[int]) -> None:
    """Progress: never at rest without a moment to look again, unless it has ended or a person has been told."""
    toy = run(flow, answers, choices)
    assert toy.state in TERMINAL or toy.state is SagaState.UNDO_FAILED or toy.escalated, toy.told


@EXAMPLES
@given(flows(), ANSWERS, CHOICES)
def test_a_step_is_sent_after_what_comes_before_it(
    flow: Flow, answers: list[Answer], choices: list[int]
) -> None:
    toy = run(flow, answers, choices)
    for before, after in flow.in_order():
        performed = [name for name, direction in toy.performed if direction is Direction.FORWARD]
        if after in performed:
            first = performed.index(after)
            assert before in performed[:first], f"{after} before {before}: {toy.told}"
            assert toy.finished_before(before, after)


@EXAMPLES
@given(flows(), ANSWERS, CHOICES)
def test_what_is_undone_is_what_was_done_in_reverse(
    flow: Flow, answers: list[Answer], choices: list[int]
) -> None:
    toy = run(flow, answers, choices)
    undone = [name for name, direction in toy.effects if direction is Direction.UNDO]
    done = [name for name, direction in toy.effects if direction is Direction.FORWARD]
    assert len(undone) == len(set(undone))
    assert set(undone) <= set(done) & flow.undoable(), toy.told
    if toy.state in (SagaState.COMPENSATED, SagaState.CANCELLED, SagaState.FAILED):
        assert set(undone) == set(done) & flow.undoable(), toy.told
        assert (toy.state is SagaState.FAILED) == (not undone)
    if toy.state is SagaState.COMPLETED:
        assert undone == []
    for before, after in flow.in_order():
        if before in undone and after in undone:
            assert undone.index(after) < undone.index(before), toy.told


@EXAMPLES
@given(flows(), ANSWERS, CHOICES, CANCELS)
def test_there_is_no_way_back_past_the_pivot(
    flow: Flow, answers: list[Answer], choices: list[int], cancel_at: int | None
) -> None:
    toy = run(flow, answers, choices, cancel_at=cancel_at)
    pivot = flow.pivot()
    if pivot is not None and (pivot, Direction.FORWARD) in toy.effects:
        assert toy.state not in (SagaState.COMPENSATED, SagaState.CANCELLED, SagaState.FAILED), toy.told
        assert not [name for name, direction in toy.effects if direction is Direction.UNDO], toy.told


@EXAMPLES
@given(flows(), ANSWERS, CHOICES, CANCELS)
def test_undo_goes_to_work_when_nothing_is_in_flight_or_unknown(
    flow: Flow, answers: list[Answer], choices: list[int], cancel_at: int | None
) -> None:
    toy = run(flow, answers, choices, cancel_at=cancel_at)
    assert toy.undone_too_early == []


@EXAMPLES
@given(flows(), ANSWERS, CHOICES)
def test_an_undo_that_fails_under_stop_holds_the_rest_back_and_under_go_on_does_not(
    flow: Flow, answers: list[Answer], choices: list[int]
) -> None:
    toy = run(flow, answers, choices)
    broken = [
        name
        for (name, way), row in toy.rows.items()
        if way is Direction.UNDO and row.state in (StepState.FAILED, StepState.REJECTED)
    ]
    assert bool(broken) == (toy.state is SagaState.UNDO_FAILED), toy.told
    if broken and flow.undo_policy == "go_on":
        done = {name for name, direction in toy.effects if direction is Direction.FORWARD} & flow.undoable()
        undone = {name for name, direction in toy.effects if direction is Direction.UNDO}
        assert done - undone == set(broken), toy.told


@EXAMPLES
@given(flows(), ANSWERS, CHOICES)
def test_a_step_is_sent_once_at_a_time_and_a_terminal_state_stays(
    flow: Flow, answers: list[Answer], choices: list[int]
) -> None:
    toy = run(flow, answers, choices)
    assert toy.sent_twice == []
    if toy.state in TERMINAL:
        before = (dict(toy.rows), toy.state)
        toy.look()
        toy.deliver_what_is_left()
        assert (dict(toy.rows), toy.state) == before


@EXAMPLES
@given(flows(), ANSWERS, CHOICES, CANCELS)
def test_what_is_sent_is_admitted_and_what_is_forged_only_when_its_turn_has_come(
    flow: Flow, answers: list[Answer], choices: list[int], cancel_at: int | None
) -> None:
    """Somebody sends every step in every direction all the time: each acts when the flow has come to it, and not before."""
    toy = run(flow, answers, choices, cancel_at=cancel_at, forged=True)
    assert toy.sent_in_vain == [], toy.told
    assert toy.undone_too_early == []
    begun = [name for name, _ in toy.begun]
    for before, after in flow.in_order():
        if after in begun:
            assert toy.finished_before(before, after), toy.told
    undone = [name for name, direction in toy.effects if direction is Direction.UNDO]
    for before, after in flow.in_order():
        if before in undone and after in undone:
            assert undone.index(after) < undone.index(before), toy.told


def test_without_the_barrier_before_undo_the_properties_do_not_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(undoing, "_in_flight", lambda *_: None)
    monkeypatch.setattr(admission, "is_settled", lambda *_: True)
    admission._remembered.clear()
    assert fails(test_undo_goes_to_work_when_nothing_is_in_flight_or_unknown, CANCELS)
    admission._remembered.clear()


def test_without_asking_whose_turn_it_is_a_message_comes_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toy_rows, "is_its_turn", lambda *_, **__: True)
    assert fails(test_a_step_is_sent_after_what_comes_before_it)


def fails(prove: Any, *more: st.SearchStrategy[Any]) -> bool:
    """Whether Hypothesis finds a counter-example; how small it could be does not matter here."""
    search = settings(EXAMPLES, phases=[Phase.generate])
    try:
        search(given(flows(), ANSWERS, CHOICES, *more)(prove.hypothesis.inner_test))()
    except (AssertionError, ExceptionGroup):  # several counter-examples come as a group
        return True
    return False
