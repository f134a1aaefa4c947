"""A failed task is mirrored for people, whatever its error, its arguments or its id hold; the engine never reads it."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps

from orchestration.broker.mirror import keep_failure

pytestmark = pytest.mark.django_db
LOOP: dict[str, Any] = {}
LOOP["self"] = LOOP


def _kept() -> Any:
    return apps.get_model("django_celery_results", "TaskResult").objects.get()


@pytest.mark.parametrize("odd", ["a\0b", "a\ud800b", "x" * 3_000_000, {"deep": [float("nan"), "a\0b"]}, LOOP])
@pytest.mark.parametrize("where", ["error", "argument", "traceback", "name"])
def test_a_failure_is_kept_whatever_it_holds(where: str, odd: Any) -> None:
    text = odd if isinstance(odd, str) else "usual"
    keep_failure(
        sender=SimpleNamespace(name=text if where == "name" else "a.task"),
        task_id="t-1",
        exception=ValueError(odd if where == "error" else "no"),
        kwargs={"saga": odd if where == "argument" else "s-1"},
        einfo=SimpleNamespace(traceback=text if where == "traceback" else "Traceback"),
    )
    kept = _kept()
    assert (kept.task_id, kept.status) == ("t-1", "FAILURE")
    assert json.loads(kept.result)["error"] == "ValueError"
    assert len(kept.result) + len(kept.traceback) + len(kept.task_kwargs) < 300_000


def test_what_is_usual_is_kept_as_it_was_before() -> None:
    keep_failure(
        sender=SimpleNamespace(name="a.task"),
        task_id="t-1",
        exception=ValueError("no"),
        kwargs={"saga": "s-1"},
        einfo=None,
    )
    kept = _kept()
    assert (json.loads(kept.result), json.loads(kept.task_kwargs), kept.task_name) == (
        {"error": "ValueError", "message": "no"}, {"saga": "s-1"}, "a.task"
    )  # fmt: skip


@pytest.mark.parametrize("task_id", ["i" * 1000, "a\0b", "\ud800"])
def test_an_id_that_no_table_has_room_for_is_kept_as_far_as_it_goes(task_id: str) -> None:
    keep_failure(
        sender=SimpleNamespace(name="a.task"),
        task_id=task_id,
        exception=ValueError("no"),
        kwargs={},
        einfo=None,
    )
    assert 0 < len(_kept().task_id) <= 255
