"""Whatever a step says or returns, it can be written down: the saga goes on, or a person is told."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from random import Random
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration import EffectDiffers, Message, OutcomeUnknown, SkipRest, StepRejected, StepRetryable
from orchestration.core.policy import LONGEST_ASKED, RetryPolicy
from orchestration.core.storable import (
    LONGEST_MESSAGE,
    MOST_BYTES,
    MOST_ERROR_BYTES,
    cut_to_fit,
    size_of,
    storable,
    storable_data,
    storable_text,
)
from orchestration.engine import attempts
from orchestration.errors import InputRefused
from orchestration.models import Saga, SagaEvent
from orchestration.services import start_saga
from orchestration.testing import SagaRun
from tests.orchestration import sample
from tests.orchestration.sample import Charged, TripInput, provider, trip

INPUT = TripInput(name="Ada")
SPOILT = "a\0b\ud800c"


class Colour(Enum):
    RED = "red"


class Wild(Exception):
    """An error whose own text is broken."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_what_json_and_the_database_do_not_know_becomes_text() -> None:
    assert storable(
        {
            "text": SPOILT,
            SPOILT: UUID(int=1),
            "money": Decimal("1.50"),
            "nan": float("nan"),
            "inf": float("-inf"),
            "huge": 10**400,
            "when": datetime(2026, 1, 1, tzinfo=UTC),
            "day": date(2026, 1, 1),
            "span": timedelta(minutes=1),
            "raw": b"\xff\x00",
            "many": ({1}, (2, "x\0")),
            "colour": Colour.RED,
            "message": Charged(charge="c"),
            "class": Charged,
        }
    ) == {
        "text": "a\ufffdb\ufffdc",
        "a\ufffdb\ufffdc": "00000000-0000-0000-0000-000000000001",
        "money": "1.50",
        "nan": "nan",
        "inf": "-inf",
        "huge": "<an integer of 1329 bits>",
        "when": "2026-01-01T00:00:00+00:00",
        "day": "2026-01-01",
        "span": 60.0,
        "raw": "<2 bytes>",
        "many": [[1], [2, "x\ufffd"]],
        "colour": "red",
        "message": {"charge": "c"},
        "class": str(Charged),
    }


def test_texts_and_data_are_cut_with_a_word_about_the_rest() -> None:
    cut = storable_text("x" * 8_000_000, LONGEST_MESSAGE)
    assert len(cut) == LONGEST_MESSAGE
    assert cut.endswith(" … (8000000 characters, cut)")
    assert "cannot be shown: RuntimeError" in storable_text(Wild(), 100)
    assert size_of(storable_data({"page": "y" * 8_000_000}, MOST_ERROR_BYTES)) <= MOST_ERROR_BYTES
    assert storable_data({"a": 1}, 100) == {"a": 1}
    fitted = cut_to_fit({"id": "x", "page": "y" * 1_000_000, "more": ["z" * 1_000_000] * 3})
    assert (fitted["id"], size_of(fitted) <= MOST_BYTES) == ("x", True)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(st.characters())
        | st.binary()
        | st.decimals()
        | st.uuids(),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters()), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
@pytest.mark.django_db
def test_anything_can_be_stored_and_twice_is_as_once(value: Any) -> None:
    found = storable(value)
    assert storable(found) == found
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::jsonb", [json.dumps(found)])
    json.dumps(found, allow_nan=False, ensure_ascii=False).encode()


@pytest.mark.parametrize("asked", [1.8e12, float("inf"), float("nan"), -5.0, 0.0])
def test_what_a_provider_asks_for_is_kept_to_within_a_day(asked: float) -> None:
    delay = RetryPolicy().delay(ended_attempts=1, asked=asked, random=Random(1))
    assert 0 <= delay <= 1.25 * LONGEST_ASKED
    assert (delay > 1000) == (asked > 1000)


FAILURES: dict[str, Exception] = {
    "declined, in words no database keeps": StepRejected(
        SPOILT, code="de\0clined", data={"id": UUID(int=1), "x": float("nan")}
    ),
    "declined in eight megabytes": StepRejected("x" * 8_000_000, data={"page": "y" * 8_000_000}),
    "an error of its own": ValueError(SPOILT),
    "an error without a text": Wild(),
    "silence": OutcomeUnknown(SPOILT, data={"d": Decimal(1)}),
    "come back in the year 59,000": StepRetryable("busy", retry_after=1.8e12),
}


@pytest.mark.django_db
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("step", ["do_charge", "do_book_seat"])
def test_whatever_a_step_fails_with_is_recorded_and_the_saga_is_undone(
    monkeypatch: pytest.MonkeyPatch, failure: Exception, step: str
) -> None:
    def fail(*_: Any) -> Any:
        raise failure

    # Where tests run in parallel, what they log is sent as UTF-8, and half a surrogate pair has none.
    monkeypatch.setattr(attempts.logger, "disabled", True)
    monkeypatch.setattr(getattr(sample, step), "act", fail)
    run = SagaRun(trip, INPUT).until_rest()
    assert run.state == "compensated"
    assert run.incidents == []
    assert run.saga.failure is not None
    assert max(len(json.dumps(entry.data)) for entry in SagaEvent.objects.filter(saga_id=run.id)) < 20_000


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
