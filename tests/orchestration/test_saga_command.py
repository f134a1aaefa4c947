"""`manage.py saga`: what it shows, what it decides, and how it says no."""

from __future__ import annotations

import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from orchestration.models import Saga, SagaEvent, SagaStep
from orchestration.testing import SagaRun
from tests.orchestration.sample import TripInput, trip

INPUT = TripInput(name="Ada")
FULL = TripInput(name="Ada", full=True)


def _saga(*arguments: str) -> str:
    out = StringIO()
    call_command("saga", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def _json(*arguments: str) -> Any:
    return json.loads(_saga(*arguments, "--json").splitlines()[-1])


def _refusal(*arguments: str) -> str:
    with pytest.raises(CommandError) as refused:
        _saga(*arguments)
    assert refused.value.returncode == 1
    return str(refused.value)


@pytest.fixture
def compensated(db: None) -> SagaRun:
    return SagaRun(trip, INPUT, reference="T-1", reject_at="sample.confirm").until_rest()


@pytest.fixture
def waiting(db: None) -> SagaRun:
    return SagaRun(trip, FULL, reference="T-2").until_rest()


def test_a_list_can_be_narrowed(compensated: SagaRun, waiting: SagaRun) -> None:
    assert [saga["reference"] for saga in _json("list")["sagas"]] == ["T-2", "T-1"]
    assert [saga["reference"] for saga in _json("list", "--state", "waiting")["sagas"]] == ["T-2"]
    assert _json("list", "--definition", "no.such")["total"] == 0
    limited = _json("list", "--limit", "1")
    assert (limited["total"], len(limited["sagas"])) == (2, 1)


def test_a_list_for_people_has_references_and_states(compensated: SagaRun, waiting: SagaRun) -> None:
    printed = _saga("list")
    assert "T-1" in printed
    assert "compensated" in printed
    assert "waiting" in printed
    assert "No saga fits." in _saga("list", "--state", "failed")


def test_a_saga_is_found_by_id_reference_and_business_key(compensated: SagaRun) -> None:
    for called in (str(compensated.id), "T-1", compensated.saga.business_key):
        assert _json("show", called)["id"] == str(compensated.id)


def test_a_saga_is_shown_with_steps_history_and_failure(compensated: SagaRun) -> None:
    facts = _json("show", "T-1")
    assert (facts["state"], facts["failure"]["step"]) == ("compensated", "sample.confirm")
    steps = {(step["name"], step["direction"]): step for step in facts["steps"]}
    assert steps["sample.charge", "undo"]["state"] == "done"
    assert steps["sample.confirm", "forward"]["error"]["code"] == "scripted"
    assert [entry["seq"] for entry in facts["history"]] == list(range(1, len(facts["history"]) + 1))


def test_a_saga_for_people_tells_what_happened(compensated: SagaRun) -> None:
    printed = _saga("show", "T-1")
    for told in (
        "sample.trip@1",
        "Registered",
        "sample.confirm says no by script",
        "undo begins",
        "sample.charge undo undone",
        "History",
    ):
        assert told in printed


def test_an_open_incident_is_shown_with_what_to_do(db: None) -> None:
    SagaRun(trip, INPUT, reference="T-3", reject_at=["sample.confirm", "sample.free_seat"]).until_rest()
    printed = _saga("show", "T-3")
    assert "Open incident: undo failed sample.book_seat" in printed
    assert "Look at the provider" in printed


def test_a_saga_that_does_not_exist_is_refused(db: None) -> None:
    assert "no saga has the id, reference or business key 'nobody'" in _refusal("show", "nobody")


def test_a_reference_of_several_sagas_is_refused_with_their_ids(db: None) -> None:
    runs = [SagaRun(trip, INPUT, reference="T-9") for _ in range(2)]
    refusal = _refusal("show", "T-9")
    assert all(str(run.id) in refusal for run in runs)


def test_what_was_given_to_a_saga_is_not_shown(db: None) -> None:
    SagaRun(trip, TripInput(name="Canary Lovelace"), reference="T-4").until_rest()
    assert "Canary" not in _saga("show", "T-4")
    assert "Canary" not in json.dumps(_json("show", "T-4"))


def test_an_error_cannot_steer_the_terminal(compensated: SagaRun) -> None:
    error = {"kind": "Error", "code": "bad", "message": "\x1b[2J\x1b]0;title\x07[red]gone[/red]"}
    SagaStep.objects.filter(saga_id=compensated.id, name="sample.confirm").update(error=error)
    Saga.objects.filter(id=compensated.id).update(failure={**error, "step": None, "data": {}})
    printed = _saga("show", "T-1")
    assert "\x1b" not in printed
    assert "\x07" not in printed
    assert "[red]gone[/red]" in printed


def test_a_cancelled_saga_keeps_who_and_why(waiting: SagaRun) -> None:
    assert _json("cancel", "T-2", "--reason", "customer called", "--by", "grace")["state"] == "compensating"
    begun = SagaEvent.objects.get(saga_id=waiting.id, kind="undo_begun")
    assert (begun.who, begun.data["message"]) == ("grace", "customer called")


def test_a_saga_past_its_pivot_cannot_be_cancelled(db: None) -> None:
    SagaRun(trip, INPUT, reference="T-5").until_rest()
    assert "it has already ended: completed" in _refusal("cancel", "T-5", "--reason", "too late")


@pytest.mark.parametrize("decision", ["cancel", "pause", "resume"])
def test_a_decision_needs_a_reason(waiting: SagaRun, decision: str) -> None:
    with pytest.raises(CommandError, match="--reason"):
        _saga(decision, "T-2")


def test_a_saga_is_paused_and_resumed(waiting: SagaRun) -> None:
    assert _json("pause", "T-2", "--reason", "the address is wrong.", "--by", "ada")["paused"] is True
    shown = _saga("show", "T-2")
    assert "(paused)" in shown
    assert re.search(r"paused +by ada at [-0-9]+ [:0-9]+ UTC: the address is wrong\.", shown)
    assert _json("show", "T-2")["held"]["reason"] == "the address is wrong."
    assert _json("resume", "T-2", "--reason", "it was right")["paused"] is False
    shown = _saga("show", "T-2")
    assert "paused no longer  it was right" in shown
    assert "paused  the address is wrong." in shown
    assert _json("show", "T-2")["held"] is None


def test_a_failed_undo_is_retried(db: None) -> None:
    faults = {"sample.confirm": 1, "sample.free_seat": 1}
    run = SagaRun(trip, INPUT, reference="T-6", reject_at=faults).until_rest()
    _saga("retry", "T-6", "sample.book_seat", "--undo", "--reason", "seat freed by hand")
    assert run.until(lambda run: run.state == "compensated").incidents == []


def test_a_step_that_was_not_given_up_is_not_retried(waiting: SagaRun) -> None:
    assert "was not given up" in _refusal("retry", "T-2", "sample.register", "--reason", "again")


def test_replaying_a_history_gives_the_same_saga(compensated: SagaRun, waiting: SagaRun) -> None:
    assert _json("replay", "T-1")["ok"] is True
    assert "entries lead to waiting, as the rows say" in _saga("replay", "T-2")


def test_a_row_changed_behind_the_histories_back_is_found(waiting: SagaRun) -> None:
    SagaStep.objects.filter(saga_id=waiting.id, name="sample.charge").update(state="absent")
    assert "does not lead to its rows" in _refusal("replay", "T-2")
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("saga", "replay", "T-2", "--json", stdout=out)
    assert json.loads(out.getvalue())["differences"] == [
        "sample.charge (forward): the history says done, the row absent"
    ]


def test_a_definition_is_drawn_in_every_format(db: None, tmp_path: Path) -> None:
    assert _saga("graph", "sample.trip").startswith("flowchart TD")
    assert json.loads(_saga("graph", "sample.trip@1", "--format", "json"))["name"] == "sample.trip"
    file = tmp_path / "trip.svg"
    assert _saga("graph", "sample.trip", "--format", "svg", "--out", str(file)) == ""
    assert file.read_text(encoding="utf-8").startswith("<svg ")


def test_a_drawing_shows_how_far_a_saga_has_come(waiting: SagaRun) -> None:
    assert _saga("graph", "sample.trip", "--saga", "T-2") != _saga("graph", "sample.trip")


def test_an_unknown_definition_is_refused_with_the_known_ones(db: None) -> None:
    assert "sample.trip" in _refusal("graph", "no.such")
    assert "write a version as a number" in _refusal("graph", "sample.trip@two")


def test_a_file_that_cannot_be_written_is_refused(db: None, tmp_path: Path) -> None:
    assert "cannot write" in _refusal("graph", "sample.trip", "--out", str(tmp_path / "no" / "such.mmd"))
