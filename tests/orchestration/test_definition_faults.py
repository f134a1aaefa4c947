"""Faults of definitions that only show in a saga that runs: `check` names each, and what is no flow is told what to write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any

import pytest
from celery import current_app
from pydantic import ConfigDict, Field, Secret, SecretBytes, SecretStr, computed_field, create_model

from orchestration import (
    Message,
    RetryPolicy,
    SagaDefinition,
    choice,
    days,
    escalate,
    external,
    local,
    nothing,
    parallel,
    saga,
    step,
    wait_for,
)
from orchestration.broker.task_checks import check_tasks
from orchestration.core.definition import registry
from orchestration.core.definition.nodes import Node
from orchestration.core.definition.validation import faults
from orchestration.engine.steps.participants import Participant
from orchestration.errors import DefinitionError
from tests.orchestration import sample


class In(Message):
    name: str


class Card(Message):
    card: SecretStr


class Nested(Message):
    cards: list[Annotated[Card | None, "in a list"]]


class Excluded(Message):
    name: str = Field(exclude=True)


class Aliased(Message):
    name: str = Field(alias="called")


class Computed(Message):
    name: str

    @computed_field  # type: ignore[prop-decorator] # as pydantic documents it
    @property
    def longer(self) -> str:
        return self.name * 2


class Strict(Message):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    at: datetime


class Raw(Message):
    pages: list[bytes]


Twin = create_model("Out", __base__=Message, a=(int, 0))
Other = create_model("Out", __base__=Message, b=(int, 0))
do, undo = local("faulty.do", takes=In), local("faulty.undo", takes=In)
Define = Callable[..., SagaDefinition]


@pytest.fixture
def define() -> Iterator[Define]:
    made: list[SagaDefinition] = []

    def defined(flow: Node, **more: Any) -> SagaDefinition:
        given = {"version": 1, "input": In, **more}
        made.append(saga(given.pop("name", "faulty.saga"), flow=flow, **given))
        return made[-1]

    yield defined
    for each in made:
        registry.forget(each)


def _codes(definition: SagaDefinition) -> list[str]:
    found = faults(definition)
    assert all(fault.hint for fault in found)
    return sorted({fault.code for fault in found})


@pytest.mark.parametrize(
    "kind", [SecretStr, SecretBytes, Secret[str], SecretStr | None, dict[str, list[SecretStr]]]
)
def test_a_secret_in_a_message_is_named_wherever_it_is(define: Define, kind: Any) -> None:
    holds = create_model("Holds", __base__=Message, name=(str, ""), card=(kind, ...))
    takes = local("faulty.takes", takes=holds)
    gives = local("faulty.gives", takes=In, gives=holds)
    assert _codes(define(step(do), input=holds)) == ["E119"]
    registry.forget(registry.find("faulty.saga", 1))
    assert "E119" in _codes(define(step(gives, undo=takes) | step(do)))
    registry.forget(registry.find("faulty.saga", 1))
    waits = wait_for("faulty.came", within=9, otherwise=escalate, gives=holds)
    assert _codes(define(step(do, undo=undo) | waits)) == ["E119"]


@pytest.mark.parametrize("kind", [Nested, Excluded, Aliased, Computed, Strict, Raw])
def test_what_does_not_come_back_as_it_was_stored_is_named(define: Define, kind: type[Message]) -> None:
    assert "E119" in _codes(define(step(local("faulty.gives", takes=In, gives=kind), undo=undo) | step(do)))


@pytest.mark.parametrize(
    ("flow", "code"),
    [
        (step(local("faulty.two", takes=In, gives=Twin | Other)), "E116"),
        (step(do, name="n" * 101), "E117"),
        (step(do, milestone="m" * 61), "E117"),
        (step(local(f"faulty.{'t' * 100}", takes=In), name="short"), "E117"),
        (step(local("faulty.queued", takes=In, queue="q" * 101)), "E117"),
        (step(do, undo=undo) | wait_for("e" * 101, within=1, otherwise=escalate), "E117"),
        (
            step(do, undo=undo) | wait_for("faulty.e", within=1, otherwise=escalate, milestone="m" * 61),
            "E117",
        ),
        (step(do, undo=undo) | wait_for("faulty.e", within=days(366 * 10_000), otherwise=escalate), "E118"),
        (step(do, undo=undo) | wait_for("faulty.e", within="a week", otherwise=escalate), "E118"),  # type: ignore[arg-type] # the fault
        (step(do, undo=undo) | wait_for("faulty.e", within=float("nan"), otherwise=escalate), "E118"),
        (step(external("faulty.slow", takes=In, timeout=-1)), "E118"),
        (step(do, retry=RetryPolicy(longest=1e12)), "E118"),
    ],
)
def test_what_could_not_be_stored_or_computed_is_named(define: Define, flow: Node, code: str) -> None:
    assert _codes(define(flow)) == [code]


def test_a_deadline_and_a_name_are_looked_at_as_well(define: Define) -> None:
    assert _codes(define(step(do), deadline=1e15, name="n" * 101)) == ["E117", "E118"]


def test_a_duration_may_be_a_timedelta(define: Define) -> None:
    waits = wait_for("faulty.e", within=timedelta(hours=2), otherwise=escalate)
    made = define(step(do, undo=undo) | waits, deadline=timedelta(days=3), run_ahead=timedelta(seconds=1))
    assert (waits.within, made.deadline, made.run_ahead) == (7200.0, 259_200.0, 1.0)
    assert external("faulty.x", takes=In, timeout=timedelta(minutes=1)).timeout == 60.0
    assert _codes(made) == []


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (lambda: saga("faulty.saga", version=1, input=In, flow=[step(do)]), "flow: what stands there is a list; write a | b"),  # type: ignore[arg-type] # the fault
        (lambda: saga("faulty.saga", version=1, input=In, flow=do), r"write step\(do, undo="),  # type: ignore[arg-type] # the fault
        (lambda: saga("faulty.saga", version=1, input=In, flow=step(do), after_undo=undo), "after_undo: "),  # type: ignore[arg-type] # the fault
        (lambda: do | undo, r"a reference is no step yet; write step\(do"),
        (lambda: do | step(undo), r"a reference is no step yet; write step\(do"),
        (lambda: step(do) | undo, r"write step\(undo, undo="),  # type: ignore[operator] # the fault
        (lambda: step(do) | None, r"write step\(\.\.\.\), parallel"),  # type: ignore[operator] # the fault
        (lambda: None | step(do), r"write step\(\.\.\.\), parallel"),
        (lambda: parallel(step(do), undo), r"parallel\(\.\.\.\): "),  # type: ignore[arg-type] # the fault
        (lambda: choice(do, {In: undo}), r"choice\(faulty\.do, "),  # type: ignore[dict-item] # the fault
        (lambda: step("faulty.do"), r"step\('faulty\.do'\): write a reference"),  # type: ignore[arg-type] # the fault
        (lambda: step(do, undo="why"), r"its undo is 'why'; write a reference, or nothing\("),  # type: ignore[arg-type] # the fault
    ],
)  # fmt: skip
def test_what_is_no_flow_is_told_what_to_write(write: Callable[[], object], told: str) -> None:
    with pytest.raises(DefinitionError, match=told):
        write()
    assert nothing("why").why == "why"


def finds(command: Any, context: Any, more: int = 1) -> None:
    return None


def test_a_function_with_a_wrong_signature_is_named() -> None:
    performer = Participant(do, lambda command: None)  # type: ignore[arg-type,misc] # the fault
    performer.record(lambda command, result: None)  # type: ignore[arg-type,misc] # the fault
    performer.look_up(finds)
    told = performer.wrong_signatures()
    assert [each.rpartition(" cannot ")[2] for each in told] == [
        "be called with 2 arguments",
        "be called with 3 arguments",
    ]


def test_a_timeout_that_celery_would_not_let_pass_is_named(define: Define) -> None:
    slow = local(sample.register.task, takes=In, timeout=240.0)
    define(step(slow, pivot=True))
    limit = current_app.conf.task_soft_time_limit
    assert limit == 240
    told = [each.msg for each in check_tasks() if each.id == "orchestration.E307"]
    assert told == ["sample.register may take 240 s, and Celery ends it after 240 s."]
