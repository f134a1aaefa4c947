"""One step's way from its message to its row can be followed: a few files, and a few types of ours."""

from __future__ import annotations

import ast
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock

import pytest
from django.db import connection
from django.test import override_settings

from orchestration.engine.steps import delivering
from orchestration.engine.steps.pace import Ahead
from orchestration.testing import SagaRun, transport
from tests.orchestration import steps_ahead
from tests.orchestration.sample import TABLE, TripInput, trip
from tests.orchestration.steps_ahead import Ledger

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.owner]

ENGINE = Path(delivering.__file__).resolve().parents[2]
DOOR = ENGINE / "participant.py"
"""Makes a Celery task of a step; the deliveries here are made by hand, behind it."""
MOST_FILES = 8
MOST_TYPES = 12


def test_one_steps_way_leads_through_few_files_and_types_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    with connection.cursor() as cursor:
        cursor.execute(TABLE)
    seen = {str(DOOR)}
    perform = delivering.perform

    def watch(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            seen.add(frame.f_code.co_filename)

    def watched(*args: Any) -> Any:
        before = sys.getprofile()
        sys.setprofile(watch)
        try:
            return perform(*args)
        finally:
            sys.setprofile(before)

    monkeypatch.setattr(transport, "perform", watched)
    assert SagaRun(trip, TripInput(name="Ada")).until_rest().state == "completed"
    undone = SagaRun(trip, TripInput(name="Ada")).until(lambda run: "sample.confirm" in run.done).cancel()
    assert undone.until_rest().state == "cancelled"
    ahead = Ahead(frozenset({"ahead"}), time.monotonic(), iter(map(str, range(9))).__next__)
    with (
        override_settings(ORCHESTRATION={"RUN_AHEAD_SECONDS": 60.0}),
        mock.patch.object(transport, "perform", lambda *args: watched(*args, ahead)),
    ):
        assert SagaRun(steps_ahead.chain, Ledger(name="x")).until_rest().state == "completed"

    files = sorted(
        path for path in map(Path, seen) if path == DOOR or path.parent == ENGINE / "engine" / "steps"
    )
    types = [
        node.name
        for path in files
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
    ]
    assert {"delivering.py", "attempt.py", "rights.py", "records.py", "leases.py"} <= {
        path.name for path in files
    }
    assert len(files) <= MOST_FILES, [path.name for path in files]
    assert len(types) <= MOST_TYPES, types
