"""`manage.py saga_check` names the sagas that today's code would strand; an unknown version waits and goes on later."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pydantic import Field, create_model

from orchestration import (
    Message,
    SagaDefinition,
    StepReference,
    days,
    escalate,
    external,
    local,
    nothing,
    saga,
    step,
    wait_for,
)
from orchestration.core.definition import registry
from orchestration.core.definition.nodes import Node
from orchestration.models import Incident, Saga
from orchestration.testing import SagaRun
from tests.orchestration import sample
from tests.orchestration.sample import TripInput, effects

INPUT = TripInput(name="Ada")
A, C = step(sample.register, undo=sample.unregister), step(sample.confirm, pivot=True)
HERE = wait_for("sample.here", within=days(2), otherwise=escalate)
Define = Callable[..., SagaDefinition]


class NeedsMore(Message):
    name: str
    shoe_size: int


@pytest.fixture
def define() -> Iterator[Define]:
    """Define `sample.deployed`; what is defined again under a version replaces it, as new code does."""
    made: list[SagaDefinition] = []

    def defined(flow: Node, *, version: int = 1, **more: Any) -> SagaDefinition:
        for old in [each for each in made if each.version == version]:
            registry.forget(old)
        made.append(saga("sample.deployed", version=version, input=TripInput, flow=flow, **more))
        return made[-1]

    yield defined
    for each in made:
        registry.forget(each)


def _check() -> dict[str, Any]:
    out = StringIO()
    try:
        call_command("saga_check", "--json", stdout=out, stderr=StringIO())
        status = 0
    except CommandError as error:
        status = error.returncode
    found: dict[str, Any] = json.loads(out.getvalue().splitlines()[-1])
    assert status == (0 if found["ok"] else 1)
    assert found["ok"] is (not found["stranded"])
    return found


def _waiting(definition: SagaDefinition) -> SagaRun:
    run = SagaRun(definition, INPUT, reference="T-1").until_rest()
    assert run.state == "waiting"
    return run


def test_code_that_has_not_changed_strands_nobody(db: None, define: Define) -> None:
    _waiting(define(A | HERE | C))
    SagaRun(sample.trip, INPUT).until_rest()
    assert _check() == {"ok": True, "open": 1, "changed": 0, "stranded": []}


GONE = "version 1 of sample.deployed is gone (the newest is 2)"


@pytest.mark.parametrize(
    ("flow", "why"),
    [
        (step(sample.book_seat, undo=sample.free_seat) | HERE | C, "sample.register, which it has begun, is gone"),
        (A | C, "sample.here, which it has begun, is gone"),
        (A | step(sample.book_seat, undo=sample.free_seat) | HERE | C, "sample.book_seat was put before sample.here"),
        (A | step(local("sample.here", takes=TripInput)) | C, "wait sample.here, which is open, is a step now"),
        (A | HERE | step(external("sample.nobodys", takes=TripInput), pivot=True), "nobody performs sample.nobodys"),
    ],
)  # fmt: skip
def test_a_change_under_the_same_version_that_an_open_saga_cannot_live_with_is_named(
    db: None, define: Define, flow: Node, why: str
) -> None:
    run = _waiting(define(A | HERE | C))
    define(flow)
    (stranded,) = _check()["stranded"]
    assert (stranded["id"], stranded["reference"]) == (str(run.id), "T-1")
    assert why in "; ".join(stranded["why"])


def test_a_next_step_whose_command_can_no_longer_be_built_is_named(db: None, define: Define) -> None:
    run = SagaRun(define(A | C), INPUT).until(lambda each: "sample.register" in each.done)
    define(A | step(local("sample.confirm", takes=NeedsMore), pivot=True))
    run.saga.steps.filter(name="sample.confirm").delete()
    (stranded,) = _check()["stranded"]
    assert "the command of sample.confirm cannot be built from what is stored: shoe_size" in stranded["why"]


def test_a_change_that_an_open_saga_can_live_with_is_only_mentioned(db: None, define: Define) -> None:
    run = _waiting(define(A | HERE | C))
    define(A | HERE | C, deadline=days(9))
    assert _check() == {"ok": True, "open": 1, "changed": 1, "stranded": []}
    assert run.send("sample.here").until(lambda each: each.state == "completed").undone == []


def test_a_version_that_is_gone_is_named_and_its_sagas_wait_with_an_incident(
    db: None, define: Define
) -> None:
    first = define(A | HERE | C)
    run = _waiting(first)
    registry.forget(first)
    define(A | C, version=2)
    (stranded,) = _check()["stranded"]
    assert stranded["why"][0].startswith(GONE)
    run.send("sample.here")
    while run.carry_one():
        pass
    Saga.objects.filter(id=run.id).update(wake_at="2020-01-01T00:00Z")
    run.skip(0)
    assert (run.state, [i.kind for i in run.incidents]) == ("waiting", ["unknown_definition"])
    registry.register(first)
    run.skip(120)
    run.until(lambda each: each.state == "completed")
    assert run.incidents == []


def test_two_versions_at_work_at_once_each_end_on_their_own_and_a_rollback_loses_neither(
    db: None, define: Define
) -> None:
    old = define(A | HERE | C)
    before = [_waiting(old) for _ in range(3)]
    new = define(A | step(sample.book_seat, undo=sample.free_seat) | HERE | C, version=2)
    after = [_waiting(new) for _ in range(3)]
    registry.forget(new)  # the rollback: workers of the old code meet sagas of the new
    assert [each["version"] for each in _check()["stranded"]] == [2, 2, 2]
    for run in (*before, *after):
        run.send("sample.here")
        while run.carry_one():
            pass
    assert {run.state for run in after} == {"waiting"}
    assert {run.until(lambda each: each.state == "completed").state for run in before} == {"completed"}
    for run in after:
        run.skip(120)
    assert Incident.objects.filter(kind="unknown_definition", resolved_at=None).count() == 3
    registry.register(new)
    for run in after:
        run.skip(120)
        run.until(lambda each: each.state == "completed")
        assert effects(run.id) == ["register", "book_seat", "confirm"]
    assert [effects(run.id) for run in before] == [["register", "confirm"]] * 3
    assert Incident.objects.filter(resolved_at=None).count() == 0
    assert _check()["open"] == 0


def test_people_are_told_in_sentences(db: None, define: Define) -> None:
    first = define(A | HERE | C)
    _waiting(first)
    registry.forget(first)
    out = StringIO()
    with pytest.raises(CommandError, match="would strand 1 saga"):
        call_command("saga_check", stdout=out)
    assert "definition sample.deployed is gone" in out.getvalue()
    assert "1 open sagas, 1 of them stranded" in out.getvalue()


class Numbered(Message):
    seat: str
    row: int


class Optional(Message):
    name: str
    shoe_size: int = 42


@pytest.mark.parametrize(
    ("last", "undo", "why"),
    [
        (local("sample.confirm", takes=NeedsMore), sample.unregister, "the command of sample.confirm"),
        (sample.confirm, local("sample.unregister", takes=NeedsMore), "the undo of sample.register"),
    ],
)
def test_every_later_command_and_undo_of_an_open_saga_is_built_from_what_is_stored(
    db: None, define: Define, last: StepReference, undo: StepReference, why: str
) -> None:
    run = _waiting(define(A | HERE | C))
    define(step(sample.register, undo=undo) | HERE | step(last))
    (stranded,) = _check()["stranded"]
    assert stranded["id"] == str(run.id)
    assert stranded["why"] == [f"{why} cannot be built from what is stored: shoe_size"]


def test_a_field_that_a_later_step_will_give_and_an_optional_one_strand_nobody(
    db: None, define: Define
) -> None:
    _waiting(define(A | HERE | C))
    comes = local("sample.book_seat", takes=sample.BookSeat, gives=Numbered)
    takes = local("sample.confirm", takes=Numbered)
    define(A | HERE | step(comes, undo=sample.free_seat) | step(takes))
    assert _check()["stranded"] == []
    define(A | HERE | step(local("sample.confirm", takes=Optional), pivot=True))
    assert _check() == {"ok": True, "open": 1, "changed": 1, "stranded": []}


def test_the_fingerprint_covers_what_messages_hold_and_no_words(define: Define) -> None:
    def named(kind: type[Message], why: str = "words") -> str:
        flow = step(local("sample.confirm", takes=kind), undo=nothing(why)) | HERE
        return define(flow, version=7).fingerprint

    same = create_model("Shape", __base__=Message, __doc__="Other words.", name=(str, Field(title="Called")))
    plain = create_model("Shape", __base__=Message, name=(str, ...))
    longer = create_model("Shape", __base__=Message, name=(str, ...), title=(str, ...))
    assert named(same, "other words") == named(plain)
    assert named(longer) != named(plain)
    assert len(named(plain)) <= 64


def test_a_saga_with_a_fingerprint_of_an_older_kind_goes_on(db: None, define: Define) -> None:
    run = _waiting(define(A | HERE | C))
    Saga.objects.filter(id=run.id).update(fingerprint="0" * 64)
    assert _check() == {"ok": True, "open": 1, "changed": 1, "stranded": []}
    assert run.send("sample.here").until(lambda each: each.state == "completed").undone == []
