"""A command that today's code cannot build from what is stored: the saga keeps its place, and nobody is refused for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from pydantic import field_validator

from orchestration import Message
from orchestration.engine.rows.reading import database_now
from orchestration.engine.steps.bad_commands import look_again
from orchestration.engine.steps.participants import participant_for
from orchestration.models import Incident, SagaEvent, SagaStep
from orchestration.testing import SagaRun
from tests.orchestration import sample
from tests.orchestration.sample import TripInput, trip

INPUT = TripInput(name="Ada")
Newer = Callable[..., Callable[[], None]]


class NeedsMore(Message):
    name: str
    shoe_size: int


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> Newer:
    """Have a task take another command, by default one that needs one field more; returns how that is mended."""

    def changed(task: str, takes: type[Message] = NeedsMore) -> Callable[[], None]:
        performer = participant_for(task)
        assert performer is not None
        before = performer.reference
        monkeypatch.setattr(performer, "reference", replace(before, takes=takes))
        return lambda: monkeypatch.setattr(performer, "reference", before)

    return changed


class Breaks(Message):
    """Its validator looks into a table in which what was stored is no longer."""

    name: str

    @field_validator("name")
    @classmethod
    def known(cls, value: str) -> str:
        return {"Bob": "Bob"}[value]


@pytest.mark.parametrize("takes", [NeedsMore, Breaks])
@pytest.mark.parametrize(
    ("task", "step", "direction", "fails", "ending"),
    [
        ("sample.register", "sample.register", "forward", (), "completed"),
        ("sample.charge", "sample.charge", "forward", (), "completed"),
        ("sample.issue_ticket", "sample.issue_ticket", "forward", (), "completed"),
        ("sample.send_ticket", "sample.send_ticket", "forward", (), "completed"),
        ("sample.unregister", "sample.register", "undo", "sample.confirm", "compensated"),
        ("sample.say_sorry", "sample.say_sorry", "after_undo", "sample.confirm", "compensated"),
    ],
)
def test_its_step_waits_for_other_code_and_then_the_saga_goes_on(
    db: None,
    newer: Newer,
    task: str,
    step: str,
    direction: str,
    fails: str,
    ending: str,
    takes: type[Message],
) -> None:
    mend = newer(task, takes)
    run = SagaRun(trip, INPUT, reject_at=fails)
    run.until(lambda run: bool(run.incidents))
    while run.carry_one():
        pass
    for _ in range(3):
        run.skip(61)
        while run.carry_one():
            pass
    row = run.step(step, direction)
    assert (row.state, row.due_at, row.attempts) == ("waiting", None, 0)
    (incident,) = run.incidents
    assert (incident.kind, incident.step) == ("bad_command", step)
    told = {
        NeedsMore: "shoe_size: Field required",
        Breaks: "a validator of Breaks fails with KeyError in known",
    }
    assert told[takes] in incident.message
    assert SagaEvent.objects.filter(saga_id=run.id, kind="step_postponed").count() == 1
    mend()
    assert run.until_rest().state == ending
    assert run.incidents == []


def test_only_its_deadline_undoes_it(db: None, newer: Newer) -> None:
    newer("sample.confirm")
    run = SagaRun(trip, INPUT)
    run.until(lambda run: bool(run.incidents))
    run.skip(31 * 86_400)
    assert run.until_rest().state == "compensated"
    assert (run.saga.failure or {})["kind"] == "deadline"


def test_an_outcome_that_cannot_be_asked_about_waits_as_well(db: None, newer: Newer) -> None:
    run = SagaRun(trip, INPUT, lose_answer_at="sample.charge")
    unsure = SagaStep.objects.filter(saga_id=run.id, name="sample.charge", unsure=True)
    run.until(lambda run: unsure.exists())
    mend = newer("sample.charge")
    run.cancel()
    run.until(lambda run: bool(run.incidents))
    assert [(each.kind, each.step) for each in run.incidents] == [("bad_command", "sample.charge")]
    assert run.state == "compensating"
    mend()
    assert run.until_rest().state == "cancelled"
    assert run.incidents == []


def test_a_worker_that_begins_has_them_looked_at_at_once(db: None, newer: Newer) -> None:
    newer("sample.confirm")
    run = SagaRun(trip, INPUT)
    run.until(lambda run: bool(run.incidents))
    while run.carry_one():
        pass
    later = run.saga.wake_at
    assert later is not None
    assert later > database_now()
    assert look_again() == 1
    assert run.saga.wake_at != later
    Incident.objects.all().delete()
    assert look_again() == 0
    assert sample.confirm.takes is not NeedsMore
