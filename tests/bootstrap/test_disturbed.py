"""`up` where its own surroundings fail: its output, its signals, its children, and what a killed one has left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from config.system.boot.paths import PROJECT
from config.system.servers.ports import free_port
from config.system.supervisor.processes import Processes
from config.system.supervisor.programs import Program
from tests.bootstrap.running_system import (
    READY_WITHIN,
    STOPPED_WITHIN,
    RunningSystem,
    clean_environment,
    manage,
    wait_until,
)


def state_of(folder: Path) -> str:
    record: dict[str, str] = json.loads((folder / "run" / "supervisor.json").read_text())
    return record["state"]


def test_output_that_cannot_be_written_ends_nothing(data_folders: Callable[[], Path]) -> None:
    system = RunningSystem(data_folders(), output=Path("/dev/full"))
    try:
        wait_until(lambda: system.status()["state"] == "running", "it runs", READY_WITHIN)
        [first, _] = system.pids("worker")
        os.kill(first, signal.SIGKILL)
        wait_until(
            lambda: first not in (pids := system.pids("worker")) and len(pids) == 2, "a new worker", 20
        )
        assert system.process.poll() is None
        assert system.stop(signal.SIGTERM) < STOPPED_WITHIN
    finally:
        system.process.kill()
        system.process.wait()
    assert system.living() == []
    assert (system.process.returncode, state_of(system.folder)) == (0, "stopped")


def test_when_nobody_reads_it_any_more_it_stops_in_order(data_folders: Callable[[], Path]) -> None:
    folder = data_folders()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "up", "--data-dir", str(folder), "--port", str(free_port()), "--flower-port", str(free_port())],
        cwd=PROJECT, env=clean_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    while "Orderly is ready" not in (line := process.stdout.readline()):
        assert line, "it ended before it was ready"
    process.stdout.close()
    [worker, _] = [
        p["pid"]
        for p in json.loads(manage("status", "--json", folder=folder).stdout)["processes"]
        if p["role"] == "worker"
    ]
    os.kill(worker, signal.SIGKILL)  # of which it tells, to nobody
    process.wait(timeout=2 * STOPPED_WITHIN)
    assert state_of(folder) == "stopped"


def test_signals_that_come_together_stop_it_in_order(start_system: Callable[..., RunningSystem]) -> None:
    system = start_system()
    system.process.send_signal(signal.SIGSTOP)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        system.process.send_signal(number)
    assert system.stop(signal.SIGCONT) < STOPPED_WITHIN
    assert "stopped; the data is kept" in system.said
    assert "Traceback" not in system.said
    assert "Exception ignored" not in system.said
    assert (system.living(), system.process.returncode, state_of(system.folder)) == ([], 0, "stopped")


def test_the_next_up_waits_for_a_server_of_a_killed_one_that_is_still_stopping(
    start_system: Callable[..., RunningSystem],
) -> None:
    killed = start_system()
    [postgres] = killed.pids("postgres")
    [checkpointer] = [
        p for p in psutil.Process(postgres).children() if "checkpointer" in " ".join(p.cmdline())
    ]
    checkpointer.suspend()  # so that the server takes as long to stop as one with much to write
    os.kill(killed.process.pid, signal.SIGKILL)
    killed.process.wait()
    again = RunningSystem(killed.folder)
    time.sleep(3)  # it finds the server that is stopping
    checkpointer.resume()
    again.wait_until_ready()
    assert again.stop() < STOPPED_WITHIN


def test_a_command_leaves_it_to_up_to_start_what_has_ended(system: RunningSystem) -> None:
    [valkey] = system.pids("valkey")
    os.kill(valkey, signal.SIGKILL)
    assert manage("saga", "list", folder=system.folder).returncode == 0
    [again] = system.pids("valkey")
    assert again != valkey
    assert psutil.Process(again).ppid() == system.process.pid


def test_what_a_command_had_to_start_is_taken_over_by_up(start_system: Callable[..., RunningSystem]) -> None:
    system = start_system()
    [valkey] = system.pids("valkey")
    system.process.send_signal(signal.SIGSTOP)
    os.kill(valkey, signal.SIGKILL)
    assert manage("saga", "list", folder=system.folder).returncode == 0
    system.process.send_signal(signal.SIGCONT)
    wait_until(lambda: system.pids("valkey") not in ([], [valkey]), "it knows the new one", 10)
    told = system.said.count("valkey ended")
    time.sleep(6)  # longer than it waits between two tries
    assert system.said.count("valkey ended") == told == 1
    assert system.stop() < STOPPED_WITHIN
    assert system.living() == []


def test_a_command_without_its_database_says_so(data_folders: Callable[[], Path]) -> None:
    nowhere = {"DATABASE_URL": f"postgres://somebody:canary@127.0.0.1:{free_port()}/orderly"}
    told = manage("saga", "list", folder=data_folders(), environment=nowhere)
    assert (told.returncode, told.stdout) == (2, "")
    assert "the database does not serve this now" in told.stderr
    assert "Traceback" not in told.stderr
    assert "canary" not in told.stderr


def test_a_program_that_cannot_be_started_holds_up_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    too_long = Program("stuck", "stuck", [sys.executable, "-c", "#" * 200_000], bool)
    lives = Program(
        "lives", "lives", [sys.executable, "-c", "input()"], bool
    )  # ends at once: it has no input
    processes = Processes({}, lambda: None)
    processes.start([too_long, lives])
    try:
        processes.tend(3.0)
    finally:
        processes.stop(seconds=1)
    said = capsys.readouterr().out
    assert said.count("lives ended") >= 2
    assert "stuck cannot be started (" in said
    assert said.count("stuck cannot be started") <= 4
