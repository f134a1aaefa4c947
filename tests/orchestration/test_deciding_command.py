"""`manage.py saga settle`, `skip`, `stats`: a person's decisions at the terminal, and the numbers they need."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F

from orchestration.models import Saga, SagaEvent, SagaStep
from orchestration.testing import SagaRun
from tests.orchestration.deliveries import claim
from tests.orchestration.sample import TripInput, trip

INPUT = TripInput(name="Ada")


def _saga(*arguments: str) -> str:
    out = StringIO()
    call_command("saga", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def _json(*arguments: str) -> Any:
    return json.loads(_saga(*arguments, "--json").splitlines()[-1])


@pytest.fixture
def stuck(db: None) -> SagaRun:
    faults = {"sample.confirm": 9, "sample.refund": 1, "sample.free_seat": 1}
    return SagaRun(trip, INPUT, reference="T-1", reject_at=faults).until_rest()


def test_failed_undos_are_skipped_or_settled_and_the_saga_ends(stuck: SagaRun) -> None:
    skipped = _json("skip", "T-1", "sample.charge", "--reason", "written off", "--by", "grace")
    assert skipped["state"] == "compensating"
    _saga(
        "settle",
        "T-1",
        "sample.book_seat",
        "--undo",
        "--done",
        "--reason",
        "freed at the desk",
        "--by",
        "ada",
    )
    stuck.until(lambda each: each.state == "compensated")
    told = SagaEvent.objects.filter(saga_id=stuck.id, kind__in=("step_skipped", "outcome_settled"))
    assert [(entry.who, entry.data["reason"]) for entry in told] == [
        ("grace", "written off"),
        ("ada", "freed at the desk"),
    ]
    shown = _saga("show", "T-1")
    for words in ("skipped", "left out", "written off", "freed at the desk", "by grace"):
        assert words in shown
    assert _json("replay", "T-1")["ok"] is True


def test_an_unknown_outcome_is_settled_with_its_result(db: None) -> None:
    run = SagaRun(trip, INPUT, reference="T-2", lose_answer_at="sample.charge")
    run.until(lambda each: each.saga.steps.filter(name="sample.charge", state="unknown").exists())
    settle = ("settle", "T-2", "sample.charge", "--done", "--reason", "seen at the provider")
    with pytest.raises(CommandError, match=r"gives Charged \(charge\): say what the result was"):
        _saga(*settle)
    for wrong, told in (("{", "this is not JSON"), ("[1]", "write a JSON object")):
        with pytest.raises(CommandError, match=told):
            _saga(*settle, "--result", wrong)
    _saga(*settle, "--result", '{"charge": "ch_1"}')
    assert run.until_rest().state == "completed"
    assert run.step("sample.charge").result == {"charge": "ch_1"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("settle", "T-1", "sample.charge", "--reason", "x"), "--done --absent is required"),
        (("settle", "T-1", "sample.charge", "--undo", "--absent", "--reason", "x"), "retried or skipped"),
        (("skip", "T-1", "sample.register", "--reason", "x"), "was not given up"),
        (("skip", "T-1", "sample.charge", "--reason", " "), "say why"),
        (("skip", "T-1", "sample.charge"), "--reason"),
    ],
)
def test_what_cannot_be_decided_is_refused_with_the_reason(
    stuck: SagaRun, arguments: tuple[str, ...], told: str
) -> None:
    before = stuck.saga.last_seq
    with pytest.raises(CommandError, match=told):
        _saga(*arguments)
    assert stuck.saga.last_seq == before


def test_numbers_say_how_often_a_rescue_was_needed_and_why(db: None) -> None:
    run = SagaRun(trip, INPUT, reference="T-3").until(lambda each: "sample.register" in each.done)
    claim(run, "charge", after=("sample.register",))
    SagaStep.objects.filter(saga_id=run.id).update(lease_until=F("lease_until") - timedelta(hours=1))
    run.transport.lose_everything()
    run.until_rest()
    assert run.state == "completed"
    rescued = _json("show", "T-3")["rescued"]
    assert rescued["lease_expired"] == 1
    assert "1×: a worker was gone" in _saga("show", "T-3")
    facts = _json("stats")
    assert facts["sagas"] == {"completed": 1}
    assert facts["rescues"] == {**rescued, "total": sum(rescued.values())}
    assert (facts["rescued_sagas"], facts["open_incidents"], facts["dead_letters"]) == (1, {}, {})
    assert "1 a worker was gone" in _saga("stats")
    assert (
        Saga.objects.get().rescues == 0
    )  # of the saga's present wait; the numbers above are of its whole life
