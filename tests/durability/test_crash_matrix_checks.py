"""The checks of a cell can fail: each is shown a world in which its promise was broken, and says so."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestration.models import Saga
from tests.crash_matrix import aftermath, judging
from tests.crash_matrix.arming import Charge, Evidence
from tests.crash_matrix.table import Cell, cells
from tests.crash_matrix.trial import Failed, Trial
from tests.crash_matrix.world import Call, World

pytestmark = pytest.mark.django_db


def cell(name: str) -> Cell:
    return next(each for each in cells() if each.name == name)


def evidence_of(pid: int, cell: Cell, **more: Any) -> Evidence:
    return Evidence(
        pid=pid, group=pid, point=cell.point, mode=cell.mode, place="elsewhere", at=time.time(), **more
    )


@pytest.fixture
def trial_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Trial]:
    """A trial in a world that has no processes and the given calls in its ledgers."""
    monkeypatch.setattr(aftermath, "PROOF_WITHIN", 0.3)

    def make(name: str, *, calls: list[Call] | None = None, logs: str = "") -> Trial:
        keeper = SimpleNamespace(ended={}, logs=lambda: logs)
        world = cast(World, SimpleNamespace(keeper=keeper, calls=lambda saga: calls or []))
        made = Trial(world, Charge(tmp_path, cell(name), 0), "CM-0000", threading.Event())
        made.saga = Saga(id=uuid.uuid4())
        return made

    return make


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        yield process
        process.kill()


def trace(trial: Trial, *arrivals: tuple[int, str, float]) -> None:
    """Write who was where, seconds after now."""
    lines = [
        {"at": time.time() + after, "pid": pid, "place": "elsewhere", "point": point, "direction": "", "step": "",
         "committed": False}
        for pid, point, after in arrivals
    ]  # fmt: skip
    file = trial.charge.folder / f"{trial.charge.token}.evidence.trace"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_process_that_lives_on_was_not_killed(
    trial_of: Callable[..., Trial], sleeper: subprocess.Popen[bytes]
) -> None:
    trial = trial_of("K7:kill:forward")
    with pytest.raises(Failed, match=f"process {sleeper.pid} is dead"):
        aftermath.prove(trial, evidence_of(sleeper.pid, trial.charge.cell))


def test_a_process_that_just_ended_was_not_killed(
    trial_of: Callable[..., Trial], sleeper: subprocess.Popen[bytes]
) -> None:
    trial = trial_of("K7:kill:forward")
    sleeper.terminate()
    sleeper.wait()
    evidence = Evidence(sleeper.pid, sleeper.pid + 1, "K7", "kill", "elsewhere", time.time())
    with pytest.raises(Failed, match="its pool reports"):
        aftermath.prove(trial, evidence)


def test_a_worker_that_was_asked_to_end_was_not_killed(trial_of: Callable[..., Trial]) -> None:
    trial = trial_of("K7:kill_group:forward")
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    cast(Any, trial.world.keeper).ended[process.pid] = -signal.SIGTERM
    with pytest.raises(Failed, match="ended with -15"):
        aftermath.prove(trial, evidence_of(process.pid, trial.charge.cell))


def test_a_process_that_was_never_frozen_proves_nothing(
    trial_of: Callable[..., Trial], sleeper: subprocess.Popen[bytes]
) -> None:
    trial = trial_of("K7:hang:forward")
    with pytest.raises(Failed, match="is frozen"):
        aftermath.prove(trial, evidence_of(sleeper.pid, trial.charge.cell))


def test_a_connection_that_still_serves_was_not_cut(trial_of: Callable[..., Trial]) -> None:
    from django.db import connection

    trial = trial_of("K7:cut_db:forward")
    backend = connection.connection.info.backend_pid
    with pytest.raises(Failed, match="its connection is gone"):
        aftermath.prove(trial, evidence_of(os.getpid(), trial.charge.cell, backend=backend))


@pytest.mark.parametrize("mode", ["raise", "ambiguous"])
def test_an_error_that_nobody_saw_was_not_raised(trial_of: Callable[..., Trial], mode: str) -> None:
    trial = trial_of(f"K7:{mode}:forward", logs="another error")
    with pytest.raises(Failed, match="has its error"):
        aftermath.prove(trial, evidence_of(os.getpid(), trial.charge.cell))


def test_evidence_of_another_point_is_none(trial_of: Callable[..., Trial]) -> None:
    trial = trial_of("K7:kill:forward")
    with pytest.raises(Failed, match="the evidence is of K8:kill"):
        aftermath.prove(trial, evidence_of(1, cell("K8:kill:forward")))


def test_a_dead_process_that_goes_on_is_noticed(trial_of: Callable[..., Trial]) -> None:
    trial = trial_of("K7:kill:forward")
    evidence = evidence_of(4711, trial.charge.cell)
    trace(trial, (4712, "K9", 1.0), (4711, "K8", 2.0))
    with pytest.raises(Failed, match="the dead process reached"):
        judging._finished_by_another(trial, evidence)


@pytest.mark.parametrize(
    ("name", "arrivals"),
    [
        ("K7:kill:forward", [(4711, "K7", -0.1)]),
        ("K6:hang:forward", [(4711, "went on", 5.0), (4712, "K9", 6.0)]),
    ],
)
def test_an_order_that_no_other_process_finished_is_noticed(
    trial_of: Callable[..., Trial], name: str, arrivals: list[tuple[int, str, float]]
) -> None:
    trial = trial_of(name)
    evidence = evidence_of(4711, trial.charge.cell)
    trace(trial, *arrivals)
    with pytest.raises(Failed, match="no other process"):
        judging._finished_by_another(trial, evidence)


def call(saga: Saga, operation: str = "capture", *, made: bool) -> Call:
    step = {"capture": "payments.capture", "authorize": "payments.authorize"}.get(
        operation, "shipping.create_label"
    )
    return Call(f"{saga.id}/{step}/forward/1", operation, 201, made)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ([True, True], "effects were doubled"),
        ([True], "asked 1 times"),
        ([False, False], "the providers' ledgers have"),
    ],
)
def test_a_doubled_missing_or_unasked_effect_is_noticed(
    trial_of: Callable[..., Trial], made: list[bool], says: str
) -> None:
    calls: list[Call] = []
    trial = trial_of("K8:kill:forward", calls=calls)
    calls += [call(trial.saga, made=each) for each in made]
    calls += [call(trial.saga, operation, made=True) for operation in ("authorize", "create_label")]
    with pytest.raises(Failed, match=says):
        judging._ledgers(trial, evidence_of(4711, trial.charge.cell))
