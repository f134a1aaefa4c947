"""`manage.py bench` as a person meets it. No time is asserted, and no speed: only that all was measured, and could be true."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from config.system.boot.paths import PROJECT
from tests.bootstrap.running_system import clean_environment, wait_until
from tests.durability.test_crash_matrix_command import of_folder


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder that the account of the servers passes through; pytest closes its own whenever another run begins."""
    folder = Path(tempfile.mkdtemp(prefix="orderly-test-bench-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize(
    ("option", "why"),
    [
        (["--sagas", "0"], "'0' is not a whole number from 10"),
        (["--rounds", "x"], "'x' is not a whole number from 1"),
        (["--sides", "bare,raft"], "'raft' is none of bare, distributed, run_ahead, dbos, floor"),
        (["--shapes", "ring"], "'ring' is none of chain, parallel"),
        (["--profile", "dbos"], "invalid choice: 'dbos'"),
        (["--sides", "bare", "--without", "bare"], "no side is left"),
        (["--write", "/nowhere/at/all.md"], "/nowhere/at is not a folder"),
    ],
)
def test_a_wrong_option_is_told_before_anything_is_started(option: list[str], why: str) -> None:
    ended = bench(*option, seconds=60)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert why in ended.stderr
    assert "starting" not in ended.stderr


def test_a_database_that_demands_encryption_is_refused() -> None:
    ended = bench(seconds=60, DATABASE_URL="postgres://nobody@127.0.0.1:1/none?sslmode=require")
    assert (ended.returncode, "demands encryption" in ended.stderr) == (2, True)


@pytest.mark.acceptance
def test_a_small_run_measures_everything_and_leaves_nothing(temporary: Path) -> None:
    ended = bench(
        "--sagas", "20", "--rounds", "1", "--without", "dbos", "--json", seconds=900, TMPDIR=str(temporary)
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    report: dict[str, Any] = json.loads(ended.stdout.strip().splitlines()[-1])
    assert list(temporary.iterdir()) == []
    assert set(report["shapes"]) == {"chain", "parallel"}
    for shape in report["shapes"].values():
        assert list(shape["sides"]) == ["bare", "distributed", "run_ahead", "floor"]
        for figures in shape["sides"].values():
            could_be_true(figures)
        bare, floor, ours = (shape["sides"][name] for name in ("bare", "floor", "distributed"))
        assert (floor["queries"], floor["commits"], floor["messages"]) == (6, 6, 0)
        assert (bare["queries"], bare["commits"], bare["messages"]) == (6, 6, 6)
        # Each step writes its row and its record; the events for Flower are not among the messages.
        assert ours["queries"] >= 12
        assert ours["events"] > 0
        assert ours["cpu_ms"]["worker"]["median"] > 0
        assert ours["cpu_ms"]["database"]["median"] > 0
        assert ours["published_bytes"] > 6 * 100
        assert shape["ratios"]["run_ahead/dbos"] is None
        assert shape["ratios"]["distributed/bare"]["median"] == pytest.approx(
            ours["sagas_per_second"]["median"] / bare["sagas_per_second"]["median"], rel=0.01
        )
    for name in ("distributed/bare", "run_ahead/bare"):
        least = min(shape["ratios"][name]["median"] for shape in report["shapes"].values())
        assert report["ratios"][name] == least
    assert report["ratios"]["run_ahead/dbos"] is None
    assert report["machine"]["cores"] >= 1
    assert re.match(r"\d+", report["machine"]["postgresql"])


def could_be_true(figures: dict[str, Any]) -> None:
    for name in ("sagas_per_second", "p50_ms", "p99_ms"):
        assert 0 < figures[name]["min"] <= figures[name]["median"] <= figures[name]["max"]
    assert figures["p50_ms"]["median"] <= figures["p99_ms"]["median"]
    assert figures["queries"] >= 6  # one for each step's row
    assert figures["commits"] >= 1
    assert figures["queries"] >= figures["commits"]
    assert set(figures["cpu_ms"]) == {"worker", "client", "database", "broker"}
    # The kernel counts in hundredths of a second: of a few rows it may have seen nothing.
    assert all(figure["min"] >= 0 for figure in figures["cpu_ms"].values())
    assert sum(figures["statements"].values()) >= figures["queries"]


@pytest.mark.durability
@pytest.mark.parametrize(
    ("how", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)], ids=["ctrl-c", "killed"]
)
def test_however_it_ends_no_process_is_left_behind_frozen_ones_neither(
    temporary: Path, how: signal.Signals, status: int
) -> None:
    said = temporary / "said"
    with said.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "bench", "--sagas", "50", "--sides", "bare,distributed", "--shapes", "chain"],
            cwd=PROJECT, env={**clean_environment(), "TMPDIR": str(temporary)}, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            start_new_session=True,
        )  # fmt: skip
    try:
        wait_until(lambda: "counted, distributed" in said.read_text(), "all sides are counted", 300)
        (folder,) = temporary.glob("orderly-apart-*")
        wait_until(lambda: len(_frozen(folder)) >= 4, "one side is frozen", 120)
        process.send_signal(how)
        assert process.wait(timeout=60) == status, said.read_text()[-3000:]
    finally:
        process.kill()
    wait_until(lambda: not list(of_folder(folder)), "all processes have gone", 30)
    assert folder.exists() == (how is signal.SIGKILL)


def _frozen(folder: Path) -> list[psutil.Process]:
    return [each for each in of_folder(folder) if each.status() == psutil.STATUS_STOPPED]


@pytest.mark.durability
def test_a_profile_names_the_functions_of_the_engine(temporary: Path) -> None:
    ended = bench("--profile", "distributed", "--sagas", "20", seconds=600, TMPDIR=str(temporary))
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert "distributed, chain: 20 sagas" in ended.stdout
    assert re.search(r"orchestration/engine/steps/delivering\.py:\d+\(perform\)", ended.stdout)
    assert list(temporary.iterdir()) == []


def bench(*options: str, seconds: float, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "bench", *options],
        cwd=PROJECT, env={**clean_environment(), **environment}, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=seconds,
    )  # fmt: skip
