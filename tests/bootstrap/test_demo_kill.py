"""What the demo corner may kill: a worker the supervisor has recorded, and nothing that merely has its number."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from config.system.demo import end_recorded
from config.system.supervisor.leftovers import RUN_ID
from config.system.supervisor.record import ProcessRecord, SystemRecord, started_at
from orders.storefront.demo_worker import KillRefused

RECORD = SystemRecord(run_id="a-run-of-this-test")

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts processes that do nothing; those still living at the end are ended."""
    processes: list[subprocess.Popen[bytes]] = []

    def begin(*, run_id: str = RECORD.run_id, own_session: bool = True) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", "print(flush=True); input()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, RUN_ID: run_id},
            start_new_session=own_session,
        )
        processes.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        return process

    yield begin
    for process in processes:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()


def recorded(process: subprocess.Popen[bytes]) -> ProcessRecord:
    return ProcessRecord("worker", "worker1", process.pid, started_at(process.pid) or 0.0)


def test_the_recorded_worker_is_killed(start: Start) -> None:
    process = start()
    assert end_recorded(recorded(process), RECORD)
    assert process.wait(timeout=5) == -9


def test_a_worker_that_has_finished_meanwhile_goes_on(start: Start) -> None:
    process = start()
    assert not end_recorded(recorded(process), RECORD, only_if=lambda: False)
    process.communicate(b"\n", timeout=5)
    assert process.returncode == 0


def test_nothing_is_killed_that_is_not_the_recorded_worker(start: Start) -> None:
    worker, of_another_run, in_our_session = start(), start(run_id="another"), start(own_session=False)
    it = recorded(worker)
    for wrong in (
        replace(it, started=it.started - 60),
        replace(it, role="web"),
        recorded(of_another_run),
        recorded(in_our_session),
    ):
        with pytest.raises(KillRefused, match="not the one the supervisor started"):
            end_recorded(wrong, RECORD)
    with pytest.raises(KillRefused):
        end_recorded(it, SystemRecord(run_id=""))
    assert [p.poll() for p in (worker, of_another_run, in_our_session)] == [None, None, None]
