"""Each fault of a definition is named, with a hint; a good definition has none."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from orchestration import (
    Message,
    RetryPolicy,
    SagaDefinition,
    StepReference,
    choice,
    days,
    give_up,
    local,
    nothing,
    parallel,
    saga,
    step,
    wait_for,
)
from orchestration.core.definition import registry
from orchestration.core.definition.nodes import Node
from orchestration.core.definition.validation import faults
from orchestration.errors import DefinitionError, UnknownDefinition
from tests.orchestration.sample import trip


class Start(Message):
    key: str


class Takes(Message):
    key: str


class Needs(Message):
    missing: str


class Found(Message):
    found: int


class Other(Message):
    other: int


a, b, c, d = (local(f"faulty.{name}", takes=Takes) for name in "abcd")
needy = local("faulty.needy", takes=Needs)
decides = local("faulty.decides", takes=Takes, gives=Found)
finds = local("faulty.finds", takes=Takes, gives=Found)
takes_found = local("faulty.takes_found", takes=Found)

Make = Callable[..., SagaDefinition]


@pytest.fixture
def define() -> Iterator[Make]:
    made: list[SagaDefinition] = []

    def make(flow: Node, **more: object) -> SagaDefinition:
        made.append(saga(f"faulty.{len(made)}", version=1, input=Start, flow=flow, **more))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for definition in made:
        registry.forget(definition)


def good(reference: StepReference = a) -> Node:
    return step(reference, undo=nothing("a test"))


FAULTS: list[tuple[str, str, Callable[[], tuple[Node, dict[str, object]]]]] = [
    ("E101", "2 steps or waits are called 'faulty.a'", lambda: (good() | good(), {})),
    ("E102", "'faulty.a' comes before the pivot and has no undo", lambda: (step(a) | step(b, pivot=True), {})),
    ("E102", "'faulty.a' has no undo, and what comes after it may fail", lambda: (step(a) | step(b), {})),
    ("E103", "'faulty.c' can never be undone", lambda: (good() | step(b, pivot=True) | step(c, undo=d), {})),
    ("E104", "'faulty.c' gives up after 3 attempts", lambda: (good() | step(b, pivot=True) | step(c, retry=RetryPolicy(attempts=3)), {})),
    ("E104", "gives up past the pivot", lambda: (good() | step(b, pivot=True) | wait_for("x.y", within=days(1), otherwise=give_up), {})),
    ("E105", "more than one pivot", lambda: (step(a, pivot=True) | step(b, pivot=True), {})),
    ("E106", "stands inside a parallel", lambda: (parallel(step(a, pivot=True), good(b)), {})),
    ("E107", "which is not a step of it", lambda: (good() | choice("faulty.nowhere", {Found: good(b)}), {})),
    ("E107", "stands before that step", lambda: (choice(decides, {Found: good(b)}) | good(decides), {})),
    ("E108", "never gives Other", lambda: (good(decides) | choice(decides, {Other: good(b)}), {})),
    ("E109", "needs 'missing'", lambda: (good() | step(needy), {})),
    ("E109", "needs 'found'", lambda: (good(decides) | choice(decides, {Found: good(finds)}) | step(local("faulty.x", takes=Other)), {})),
    ("E110", "takes 'key' from 'faulty.b'", lambda: (step(a, undo=nothing("x"), take={"key": b}) | step(b), {})),
    ("E111", "both give 'found'", lambda: (parallel(good(decides), good(finds)) | step(takes_found), {})),
    ("E112", "is declared twice, differently", lambda: (good() | step(local("faulty.a", takes=Start), name="again"), {})),
    ("E113", "after_undo holds a wait", lambda: (good(), {"after_undo": wait_for("x.y", within=1, otherwise=give_up)})),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "sentence", "build"), FAULTS, ids=[f"{code}-{s[:24]}" for code, s, _ in FAULTS]
)
def test_each_fault_is_named_with_a_hint(
    code: str, sentence: str, build: Callable[[], tuple[Node, dict[str, object]]], define: Make
) -> None:
    flow, more = build()
    found = [fault for fault in faults(define(flow, **more)) if fault.code == code]
    assert found, f"{code} was not found"
    if code != "E109" or "found" not in sentence:
        assert sentence in found[0].message
    assert found[0].hint.endswith((".", "..."))


def test_a_good_definition_has_no_fault() -> None:
    assert faults(trip) == []


def test_two_flows_under_one_name_and_version_are_refused() -> None:
    with pytest.raises(DefinitionError, match="give the newer one the next version"):
        saga(trip.name, version=trip.version, input=Start, flow=good())


def test_an_unknown_version_says_what_to_do() -> None:
    with pytest.raises(UnknownDefinition, match="keep old versions until their sagas have ended"):
        registry.find(trip.name, 99)


def test_the_fingerprint_changes_with_the_flow(define: Make) -> None:
    assert define(good()).fingerprint != define(good(b)).fingerprint


def test_a_task_name_without_a_service_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="write it as '<service>"):
        local("capture", takes=Takes)


def test_an_undo_that_sees_its_own_result_takes_nothing_from_the_branches_before_it(define: Make) -> None:
    undone = step(finds, undo=takes_found)
    flow = parallel(good(decides), step(finds, name="beside", undo=nothing("a test"))) | undone
    assert [fault.code for fault in faults(define(flow))] == []
