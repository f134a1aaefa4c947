"""The crash matrix: with `--durability` a third of it by turns; always, that its table is complete and its checks can fail."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management.base import CommandError

from config.system.boot.paths import PROJECT
from orchestration.crash import points as crash_points
from orchestration.crash.points import COMMITS, MODES, POINTS, Armed, CrashHere, CrashPoint, arm, reach
from orders.sagas import fulfil_order
from tests.bootstrap.running_system import clean_environment
from tests.crash_matrix.stories import STORIES
from tests.crash_matrix.table import DIRECTIONS, SITES, cells, combinations, excluded
from tests.management.commands.crash_matrix import Command

APPS = ("orchestration", "orders", "payments", "shipping", "notifications")


def test_every_combination_is_a_cell_or_excluded_with_a_reason() -> None:
    names = {f"{cell.point}:{cell.mode}:{cell.direction}" for cell in cells()}
    reasons = {each.cell: each.reason for each in excluded()}
    every = {":".join(each) for each in combinations()}
    assert len(every) == len(POINTS) * len(MODES) * len(DIRECTIONS)
    assert names | (reasons.keys() - {"K22"}) == every
    assert names.isdisjoint(reasons)
    assert all(len(reason) > 20 for reason in reasons.values())
    assert len({cell.name for cell in cells()}) == len(cells())


def test_each_point_has_a_cell_that_kills_and_one_that_freezes() -> None:
    for mode in ("kill", "kill_group", "hang", "raise", "cut_db"):
        assert {cell.point for cell in cells() if cell.mode == mode} == POINTS.keys()


def test_each_site_names_a_story_and_a_step_that_exist() -> None:
    for site in (site for sites in SITES.values() for site in sites):
        assert site.story in STORIES
        assert site.step == "*" or site.step in fulfil_order.steps


def test_each_point_is_reached_somewhere_in_the_code_and_no_other_is() -> None:
    reached, committed = set[str](), set[str]()
    for call in _calls():
        points = {
            CrashPoint[node.attr].value
            for node in ast.walk(call)
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "CrashPoint"
        }
        reached |= points
        if any(keyword.arg == "committed" for keyword in call.keywords):
            committed |= points
    # Two points are handed on in a list, by the function that knows what is behind a step.
    behind = (PROJECT / "orchestration" / "participant.py").read_text()
    reached |= {CrashPoint[name].value for name in re.findall(r"CrashPoint\.(\w+)", behind)}
    assert reached == POINTS.keys()
    assert committed == COMMITS


def _calls() -> Iterator[ast.Call]:
    """Every call of a crash point in the apps, direct, by `partial` or by a method that hands it on."""
    for file in (file for app in APPS for file in (PROJECT / app).rglob("*.py")):
        if file.parent.name == "crash" or "testing" in file.parts:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and {"reach", "_reach"} & _names(node):
                yield node


def _names(call: ast.Call) -> set[str]:
    inner = [call.func, *call.args[:1]]
    return {node.id for node in inner if isinstance(node, ast.Name)} | {
        node.attr for node in inner if isinstance(node, ast.Attribute)
    }


@pytest.mark.parametrize(
    ("option", "says"),
    [
        (["--points", "K99"], "K99 is no point; there are K1, K2"),
        (["--modes", "kil"], "kil is no mode; there are kill, kill_group"),
        (["--points", ","], "nothing is no point"),
        (["--third", "4"], "invalid choice"),
        (["--write", "/nowhere/matrix.md"], "the folder /nowhere does not exist"),
    ],
)
def test_an_option_that_cannot_be_says_what_can(option: list[str], says: str) -> None:
    parser = Command().create_parser("manage.py", "crash_matrix")
    parser.called_from_command_line = False  # errors are raised instead of ending the process
    with pytest.raises(CommandError, match=re.escape(says)):
        parser.parse_args(option)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This process is one that can be armed."""
    monkeypatch.setattr(crash_points, "_folder", tmp_path)
    return tmp_path


def armed(folder: Path, **more: str) -> Armed:
    return Armed(**{"point": "K7", "mode": "raise", "evidence": str(folder / "e"), "token": "t-1", **more})


def test_an_armed_point_fails_once_for_its_own_saga_only(folder: Path) -> None:
    arm(folder, ["mine"], armed(folder, step="payments.capture"))
    reach(CrashPoint("K7"), about=["another"], step="payments.capture")
    reach(CrashPoint("K6"), about=["mine"], step="payments.capture")
    reach(CrashPoint("K7"), about=["mine"], step="payments.void")
    assert not (folder / "e").exists()
    with pytest.raises(CrashHere, match="t-1"):
        reach(CrashPoint("K7"), about=["mine"], step="payments.capture")
    reach(CrashPoint("K7"), about=["mine"], step="payments.capture")
    evidence = json.loads((folder / "e").read_text())
    assert (evidence["pid"], evidence["point"], evidence["mode"]) == (os.getpid(), "K7", "raise")
    trace = [json.loads(line)["point"] for line in (folder / "e.trace").read_text().splitlines()]
    assert trace == ["K6", "K7", "K7", "K7"]


def test_a_commit_is_ambiguous_after_it_and_everything_else_comes_before(folder: Path) -> None:
    for point in COMMITS:
        before, after = armed(folder, point=point), armed(folder, point=point, mode="ambiguous")
        assert [before.matches(point, "", "", committed) for committed in (False, True)] == [True, False]
        assert [after.matches(point, "", "", committed) for committed in (False, True)] == [False, True]


def test_an_order_armed_by_its_number_is_armed_by_its_other_names_before_they_are_known(folder: Path) -> None:
    arm(folder, ["NW-1"], armed(folder, point="K3"))
    saga = uuid.uuid4()
    reach(CrashPoint("K1"), about=["NW-1", saga])
    with pytest.raises(CrashHere):
        reach(CrashPoint("K3"), about=[saga])


@pytest.mark.durability
def test_a_third_of_the_matrix_holds_every_promise(pytestconfig: pytest.Config) -> None:
    third = _third_of_this_commit()
    print(f"crash matrix, third {third} of 3")  # noqa: T201 - so that a failure can be repeated
    environment = clean_environment()
    for option, variable in (("--broker", "CELERY_BROKER_URL"), ("--database", "DATABASE_URL")):
        environment.pop(variable, None)
        if address := pytestconfig.getoption(option):
            environment[variable] = address
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "manage.py", "crash_matrix", "--third", str(third), "--json"],
        cwd=PROJECT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert ended.stdout.strip(), ended.stderr[-3000:]
    answer: dict[str, Any] = json.loads(ended.stdout.strip().splitlines()[-1])
    assert (answer["failed"], answer["violations"]) == ([], []), ended.stderr[-3000:]
    assert (ended.returncode, answer["ok"]) == (0, True)
    assert answer["passed"] == answer["cells"] == len(cells()[third - 1 :: 3])
    assert time.monotonic() - began < 8 * 60


def _third_of_this_commit() -> int:
    """By turns. Divided first: what is left over chooses the servers in `.ci/run`, and each third is to meet each of them."""
    asked = subprocess.run(["git", "rev-parse", "HEAD"], cwd=PROJECT, capture_output=True, text=True)
    return int(asked.stdout.strip()[:7] or "0", 16) // 3 % 3 + 1
