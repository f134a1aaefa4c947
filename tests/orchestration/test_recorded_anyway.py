"""Whatever a step fails with, returns or is given, it is recorded, and the saga goes on, or a person is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from orchestration import (
    EffectDiffers,
    Message,
    SkipRest,
    StepRetryable,
    external,
)
from orchestration.engine.steps.consequences import UNREACHABLE_AFTER
from orchestration.engine.steps.participants import Participant
from orchestration.errors import InputRefused
from orchestration.models import Saga, SagaEvent, SagaStep
from orchestration.services import start_saga
from orchestration.testing import SagaRun
from tests.orchestration import sample
from tests.orchestration.sample import Charged, TripInput, provider, trip

INPUT = TripInput(name="Ada")
SPOILT = "a\0b\ud800c"


@pytest.mark.django_db
def test_a_result_with_characters_that_no_database_keeps_is_stored_without_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def charge(command: Any, context: Any) -> Charged:
        provider.do("charge", context)
        return Charged(charge=SPOILT)

    saved: list[str] = []
    monkeypatch.setattr(sample.do_charge, "act", charge)
    monkeypatch.setattr(
        sample.do_charge, "save", lambda command, result, context: saved.append(result.charge)
    )
    run = SagaRun(trip, INPUT).until_rest()
    assert run.state == "completed"
    assert run.step("sample.charge").result == {"charge": "a\ufffdb\ufffdc"}
    assert saved == ["a\ufffdb\ufffdc"]


@pytest.mark.django_db
def test_a_result_that_is_too_large_is_refused_with_a_sentence_and_what_it_did_is_undone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def charge(command: Any, context: Any) -> Charged:
        provider.do("charge", context)
        return Charged(charge="x" * 300_000)

    monkeypatch.setattr(sample.do_charge, "act", charge)
    monkeypatch.setattr(sample.do_charge, "find", charge)
    monkeypatch.setattr(sample.do_charge, "refuse", charge)
    run = SagaRun(trip, INPUT).until_rest()
    assert (run.state, run.step("sample.charge").state) == ("compensated", "done")
    assert run.step("sample.charge", "undo").state == "not_needed"  # it took effect, and its undo has looked
    assert run.saga.failure is not None
    assert "sample.charge returned 300,014 bytes; a result may have 262,144" in run.saga.failure["message"]


class Page(Message):
    text: str


@pytest.mark.django_db
@pytest.mark.parametrize("name", [SPOILT, "x" * 300_000])
def test_an_input_that_cannot_be_kept_is_refused_and_nothing_is_written(name: str) -> None:
    with pytest.raises(InputRefused, match=r"TripInput (holds what|has 300,0)"), transaction.atomic():
        start_saga(trip, input=TripInput(name=name), business_key="spoilt")
    assert not Saga.objects.exists()


@pytest.mark.django_db
def test_an_effect_that_is_not_the_one_asked_for_keeps_its_place_until_it_is_put_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    act, find = sample.do_charge.act, sample.do_charge.find
    assert find is not None

    def charge(command: Any, context: Any) -> Any:
        act(command, context)
        raise EffectDiffers("asked for 5.00, there are 4.00")

    def look(command: Any, context: Any) -> Any:
        raise EffectDiffers("asked for 5.00, there are 4.00")

    monkeypatch.setattr(sample.do_charge, "act", charge)
    monkeypatch.setattr(sample.do_charge, "find", look)
    run = SagaRun(trip, INPUT)
    while run.carry_one():
        pass
    told = [(incident.kind, incident.step, incident.message) for incident in run.incidents]
    assert told == [("effect_differs", "sample.charge", "asked for 5.00, there are 4.00")]
    for _ in range(8):  # far beyond the attempts of its policy
        run.skip(601)
        while run.carry_one():
            pass
    row = run.step("sample.charge")
    assert (run.state, row.state, row.unsure, len(run.incidents)) == ("running", "unknown", True, 1)
    monkeypatch.setattr(sample.do_charge, "find", find)
    assert run.until_rest().state == "completed"
    assert (run.incidents, provider.count("charge")) == ([], 1)


@pytest.mark.django_db
def test_an_effect_that_differs_is_not_taken_for_settled_while_the_saga_is_undone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    act, refuse = sample.do_charge.act, sample.do_charge.refuse
    assert refuse is not None

    def differs(command: Any, context: Any) -> Any:
        act(command, context)
        raise EffectDiffers("asked for 5.00, there are 4.00")

    for name in ("act", "find", "refuse"):
        monkeypatch.setattr(sample.do_charge, name, differs)
    run = SagaRun(trip, INPUT)
    while run.carry_one():
        pass
    run.cancel()
    run.skip(601)
    while run.carry_one():
        pass
    assert (run.state, run.undone, [incident.kind for incident in run.incidents]) == (
        "compensating",
        [],
        ["effect_differs"],
    )
    monkeypatch.setattr(sample.do_charge, "refuse", refuse)
    assert run.until_rest().state == "cancelled"
    assert (run.incidents, "sample.charge" in run.undone) == ([], True)


@pytest.mark.django_db
def test_a_known_outcome_that_the_app_cannot_write_is_told_to_a_person_and_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def cannot(*_: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 'x'::numeric")

    monkeypatch.setattr(sample.do_charge, "save", cannot)
    run = SagaRun(trip, INPUT, reject_at="sample.issue_ticket").until(lambda run: bool(run.incidents))
    assert ("cannot_record", "sample.charge") in [(each.kind, each.step) for each in run.incidents]
    monkeypatch.setattr(sample.do_charge, "save", None)
    assert run.until_rest().state == "compensated"
    assert run.incidents == []


@pytest.mark.django_db
def test_a_provider_that_does_not_answer_is_told_of_after_two_minutes_and_closes_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    find = sample.do_issue_ticket.find

    def silent(command: Any, context: Any) -> Any:
        raise StepRetryable("no answer")

    monkeypatch.setattr(sample.do_issue_ticket, "find", silent)
    run = SagaRun(trip, INPUT, lose_answer_at="sample.issue_ticket")
    run.until(lambda run: bool(run.incidents))
    [incident] = run.incidents
    assert (run.state, incident.kind, incident.step) == ("running", "cannot_reach", "sample.issue_ticket")
    assert "no answer" in incident.message
    began = SagaStep.objects.get(saga=run.id, name="sample.issue_ticket").started_at
    assert began is not None
    silent_for = incident.opened_at - began
    assert UNREACHABLE_AFTER < silent_for < UNREACHABLE_AFTER + timedelta(seconds=5)
    monkeypatch.setattr(sample.do_issue_ticket, "find", find)
    assert run.until_rest().state == "completed"
    assert (run.incidents, provider.count("issue_ticket")) == ([], 1)


@pytest.mark.django_db
@pytest.mark.parametrize("step", ["do_book_seat", "do_issue_ticket"])
def test_the_reason_for_skipping_the_rest_is_kept_and_shown(
    monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def skip(command: Any, context: Any) -> Any:
        raise SkipRest("the traveller stays at home")

    monkeypatch.setattr(getattr(sample, step), "act", skip)
    run = SagaRun(trip, INPUT).until_rest()
    name = step.replace("do_", "sample.")
    assert (run.state, "sample.send_ticket" in run.done) == ("completed", False)
    entry = SagaEvent.objects.get(saga_id=run.id, kind="step_done", step=name)
    assert entry.data["skips_rest_because"] == "the traveller stays at home"


def test_a_result_that_can_be_kept_as_it_is_is_written_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    dump = Page.model_dump

    def counted(self: Page, **how: Any) -> dict[str, Any]:
        written.append(self.text)
        return dump(self, **how)

    monkeypatch.setattr(Page, "model_dump", counted)
    participant = Participant(
        external("storable.page", takes=Page, gives=Page), lambda command, context: None
    )
    page = Page(text="x")
    assert participant.as_stored(page) == (page, {"text": "x"})
    assert written == ["x"]
    spoilt, facts = participant.as_stored(Page(text=SPOILT))
    assert (spoilt, facts) == (Page(text="a\ufffdb\ufffdc"), {"text": "a\ufffdb\ufffdc"})
