"""`manage.py crash_matrix` as a person meets it: what it refuses, what it prints, and that Ctrl-C leaves nothing behind."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from config.system.boot.paths import PROJECT
from tests.bootstrap.running_system import clean_environment, manage, wait_until


def of_folder(folder: Path) -> Iterator[psutil.Process]:
    """Every living process of a system in this folder, its servers included."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            works_there = Path(process.cwd()).is_relative_to(folder)
            if works_there or process.environ().get("ORDERLY_DATA_DIR") == str(folder):
                yield process


def test_a_folder_in_use_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text("{}")
    refused = manage("crash_matrix", folder=tmp_path)
    assert (refused.returncode, "is not empty" in refused.stderr) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["secrets.json"]


@pytest.mark.durability
def test_ctrl_c_leaves_no_process_behind(tmp_path: Path) -> None:
    folder = tmp_path / "world"
    tmp_path.chmod(0o755)
    for parent in [*tmp_path.parents][:2]:
        parent.chmod(0o755)  # the account of the servers passes through
    said = tmp_path / "said"
    with said.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "crash_matrix", "--modes", "hang", "--data-dir", str(folder)],
            cwd=PROJECT, env=clean_environment(), stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    try:
        charges = folder / "run" / "charges"
        wait_until(lambda: any(charges.glob("*.evidence")), "a process is frozen", 120)
        assert len(list(of_folder(folder))) > 10
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=40) == 130, said.read_text()[-3000:]
    finally:
        process.kill()
    assert [left.cmdline() for left in of_folder(folder)] == []


@pytest.mark.durability
def test_it_prints_the_matrix_and_one_object_last(tmp_path: Path) -> None:
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "manage.py", "crash_matrix", "--cells", "K8:kill:forward", "--json"],
        cwd=PROJECT, env=clean_environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    answer = json.loads(ended.stdout.strip().splitlines()[-1])
    assert (ended.returncode, answer["ok"], answer["cells"], answer["passed"]) == (0, True, 1, 1), (
        ended.stderr
    )
    assert (answer["failed"], answer["violations"]) == ([], [])
    assert all(set(each) == {"cell", "reason"} for each in answer["excluded"])
    assert "Crash matrix" in ended.stdout
    assert answer["seconds"] <= time.monotonic() - began
