"""`manage.py chaos` as a person meets it; with `--durability`, that it holds every promise."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from config.system.boot.paths import PROJECT
from tests.bootstrap.running_system import clean_environment, wait_until
from tests.durability.test_crash_matrix_command import of_folder


@pytest.mark.parametrize("option", [["--sagas", "0"], ["--kills", "many"], ["--minutes", "-1"]])
def test_a_wrong_option_is_told_before_anything_is_started(option: list[str]) -> None:
    ended = chaos(*option, seconds=60)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert re.search(rf"argument {option[0]}: .*'{option[1]}' is not a", ended.stderr)
    assert "starting" not in ended.stderr


@pytest.mark.durability
def test_200_sagas_and_20_kills_break_no_promise(pytestconfig: pytest.Config) -> None:
    servers = {
        variable: str(pytestconfig.getoption(option))
        for option, variable in (("--broker", "CELERY_BROKER_URL"), ("--database", "DATABASE_URL"))
        if pytestconfig.getoption(option)
    }
    began = time.monotonic()
    ended = chaos("--sagas", "200", "--kills", "20", "--seed", "1", "--json", seconds=900, **servers)
    assert ended.stdout.strip(), ended.stderr[-3000:]
    answer: dict[str, Any] = json.loads(ended.stdout.strip().splitlines()[-1])
    bad = ("lost", "duplicated", "illegal", "stuck", "unexpected", "vacuous", "violations")
    assert {name: answer[name] for name in bad if answer[name]} == {}, ended.stderr[-3000:]
    assert (ended.returncode, answer["ok"], answer["sagas"], answer["kills"]) == (0, True, 200, 20)
    assert answer["recovery_seconds"]["max"] <= 60
    assert time.monotonic() - began < 6 * 60


def chaos(*options: str, seconds: float, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "chaos", *options],
        cwd=PROJECT, env={**clean_environment(), **environment}, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=seconds,
    )  # fmt: skip


@pytest.mark.durability
def test_ctrl_c_leaves_neither_process_nor_folder_behind(tmp_path: Path) -> None:
    environment = {**clean_environment(), "TMPDIR": str(tmp_path)}
    for folder in (tmp_path, *[*tmp_path.parents][:2]):
        folder.chmod(0o755)  # the account of the servers passes through
    said = tmp_path / "said"
    with said.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "chaos", "--sagas", "100", "--kills", "10"],
            cwd=PROJECT, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    try:
        wait_until(lambda: " is dead; " in said.read_text(), "a process was killed", 180)
        (folder,) = tmp_path.glob("orderly-apart-*")
        assert len(list(of_folder(folder))) > 8
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130, said.read_text()[-3000:]
    finally:
        process.kill()
    assert [left.cmdline() for left in of_folder(folder)] == []
    assert not folder.exists()
