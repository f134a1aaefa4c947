"""Three of the undo scenarios with real worker processes: a killed worker, a stopped broker, a lost database.

The same scenarios by hand, with exact deaths at more places, are in `test_undo_disturbed.py` under the same numbers.
"""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from config.system.boot.paths import DataFolder
from config.system.servers.host import Host
from config.system.servers.ports import Ports
from config.system.servers.valkey import Valkey
from orchestration.engine.rows.reading import database_now
from orchestration.models import Saga
from tests.bootstrap.running_system import wait_until
from tests.durability.chain_run import QUEUES, ChainRun, chain_workers
from tests.durability.clock import pass_time_of_rows
from tests.durability.ledger import GATE
from tests.durability.sessions import end_sessions_of_frozen, ended_in_its_commit
from tests.orchestration.worker_process import WorkerProcess, empty

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.owner]
OUTAGE_MINUTES = 10


@pytest.fixture
def run(tmp_path: Path) -> ChainRun:
    return ChainRun(tmp_path)


@pytest.mark.parametrize(
    "point", ["K14", *(pytest.param(each, marks=pytest.mark.durability) for each in ("K13", "K10", "K15"))]
)
def test_08_a_killed_worker_leaves_an_undo_that_another_one_finishes(
    point: str, run: ChainRun, process_environment: dict[str, str]
) -> None:
    empty(*QUEUES)
    run.ledger.trouble("chain.d", "forward", "decline")
    with chain_workers(process_environment, run, number=2) as workers:
        run.start(armed=run.armed(point, "kill_group", "undo", "chain.b"))
        dead = next(worker for worker in workers if worker.process.pid == run.evidence()["group"])
        assert dead.process.wait(10) == -signal.SIGKILL
        assert run.until_rest() == "compensated"
        assert [worker.is_alive for worker in workers if worker is not dead] == [True]
    assert (run.ledger.effects(), run.ledger.effects("undo")) == ("abc", "cba")
    again = 1 if point == "K14" else 0
    assert [run.ledger.calls(f"chain.{letter}", "undo") for letter in "abc"] == [1, 1 + again, 1]
    assert run.violations() == []


@contextmanager
def own_broker() -> Iterator[Valkey]:
    """A broker that a test may stop: the suite's is everybody's."""
    root = Path(tempfile.mkdtemp(prefix="orderly-broker-"))
    folder = DataFolder(root)
    folder.make()
    ports = Ports(root / "ports.json")
    broker = Valkey(
        folder=folder, ports=ports, host=Host(folder), password="stopped-and-started",
        application_password="of-its-application",
    )  # fmt: skip
    try:
        broker.start(tied=True)
        broker.wait(seconds=30)
        yield broker
    finally:
        broker.stop(seconds=4)
        shutil.rmtree(root, ignore_errors=True)


@pytest.mark.parametrize("direction", ["forward", "undo"])
@pytest.mark.durability
def test_19_the_broker_is_stopped_for_ten_minutes_and_started_again(
    direction: str, run: ChainRun, process_environment: dict[str, str]
) -> None:
    if direction == "undo":
        run.ledger.trouble("chain.d", "forward", "decline")
    run.ledger.trouble("chain.b", direction, GATE)
    with own_broker() as broker:
        addresses = {"CELERY_BROKER_URL": broker.url(0), "CELERY_RESULT_BACKEND": broker.url(1)}
        with chain_workers({**process_environment, **addresses}, run) as workers:
            run.start()
            run.until("chain.b", direction)
            broker.stop(seconds=4)
            assert not broker.is_running()
            run.ledger.open_gate()  # the step ends without a broker: its chain goes nowhere
            wait_until(lambda: "b" in run.ledger.effects(direction), "it takes effect all the same", 20)
            for _ in range(OUTAGE_MINUTES):
                _a_minute_passes_and_the_heartbeat_has_looked(run)
            assert run.state == ("running" if direction == "forward" else "compensating")
            assert "the broker" in _warnings(workers[0])
            broker.start(tied=True)
            broker.wait(seconds=30)
            assert run.until_rest(90) == ("completed" if direction == "forward" else "compensated")
            assert workers[0].is_alive  # it held a message that it could no longer acknowledge
    assert run.ledger.effects() == ("abcd" if direction == "forward" else "abc")
    assert run.ledger.effects("undo") == ("" if direction == "forward" else "cba")
    assert run.ledger.calls("chain.b", direction) == 1
    assert run.violations() == []


def _a_minute_passes_and_the_heartbeat_has_looked(run: ChainRun) -> None:
    pass_time_of_rows(60)

    def put_off() -> bool:
        wake_at = Saga.objects.get(id=run.saga.id).wake_at
        return wake_at is not None and wake_at > database_now()

    wait_until(put_off, "the heartbeat has found the saga due", 30)


def _warnings(worker: WorkerProcess) -> str:
    """What its heartbeat has said of a broker that takes nothing."""
    lines = worker.log.read_text().splitlines()
    return "\n".join(line for line in lines if "sweep:" in line or "outbox:" in line)


@pytest.mark.parametrize("when", ["in the commit", "before the commit", "after the commit"])
def test_20_the_database_ends_a_worker_at_its_commit_and_the_effect_is_found_by_its_key(
    when: str, run: ChainRun, process_environment: dict[str, str]
) -> None:
    empty(*QUEUES)
    with chain_workers(process_environment, run):
        if when == "in the commit":
            with ended_in_its_commit("chain.b") as times:
                run.start()
                assert run.until_rest() == "completed"
                assert times() == 2  # the one that was ended, and the one that committed
        else:
            point = "K9" if when == "before the commit" else "K10"
            run.start(armed=run.armed(point, "hang", "forward", "chain.b"))
            assert end_sessions_of_frozen(run.evidence()["pid"]) > 0
            assert run.until_rest() == "completed"
    assert (run.ledger.effects(), run.ledger.effects("undo")) == ("abcd", "")
    assert run.ledger.calls("chain.b") == 1
    assert (run.ledger.calls("chain.b", kind="find") > 0) == (when != "after the commit")
    assert run.violations() == []
