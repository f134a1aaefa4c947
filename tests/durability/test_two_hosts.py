"""Two hosts with a worker each share the work; one is cut off, the other finishes its sagas, and what it does late is fenced.

Each host reaches database, broker and result backend through cables of its own, which are cut in the middle of its work.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connection, transaction

from orchestration.models import Saga, SagaEvent, SagaStep
from orchestration.services import start_saga
from orchestration.verification import run_invariants
from tests.bootstrap.running_system import wait_until
from tests.durability.cables import Cables, cables
from tests.durability.far import Errand, Provider, errand, prepared
from tests.orchestration.worker_process import WorkerProcess, empty, worker_process

pytestmark = pytest.mark.durability

QUEUES = ("far", "orchestration")
SHORT = {
    "ORDERLY_LEASE_SECONDS": "2",
    "ORDERLY_RESEND_AFTER_SECONDS": "2",
    "ORDERLY_HEARTBEAT_SECONDS": "0.2",
    "ORDERLY_IDLE_IN_TRANSACTION_SECONDS": "5",
}
GENEROUS = 120
"""Seconds. A local step's lease is ten, and a message may be lost twice."""


@dataclass
class Host:
    name: str
    cables: Cables
    worker: WorkerProcess


@dataclass
class Hosts:
    a: Host
    b: Host
    provider: Provider


class Starting:
    """Starts hosts on one database and one broker."""

    def __init__(self, stack: ExitStack, environment: dict[str, str], folder: Path) -> None:
        self._stack, self._environment, self._folder = stack, environment, folder
        self.provider = prepared(folder)

    def host(self, name: str, **settings: str) -> Host:
        wired = self._stack.enter_context(cables(self._environment))
        worker = self._stack.enter_context(
            worker_process(
                self._environment,
                *("-c", "2", "-I", "tests.durability.far", "-n", f"host{name}@{name}"),
                queues=QUEUES,
                **{
                    **SHORT,
                    **wired.environment,
                    "FAR_FOLDER": str(self._folder),
                    "FAR_HOST": name,
                    **settings,
                },
            )
        )
        return Host(name, wired, worker)


@pytest.fixture
def starting(
    process_environment: dict[str, str], transactional_db: None, tmp_path: Path
) -> Iterator[Starting]:
    empty(*QUEUES)
    with ExitStack() as stack:
        yield Starting(stack, process_environment, tmp_path)


def start(number: int) -> list[Saga]:
    sagas = []
    for n in range(number):
        with transaction.atomic():
            sagas.append(start_saga(errand, input=Errand(name=f"errand {n}"), business_key=str(uuid4())))
    return sagas


def ended(sagas: list[Saga]) -> int:
    return Saga.objects.filter(id__in=[saga.id for saga in sagas], state="completed").count()


def rows_of_work() -> Counter[tuple[str, str]]:
    """Our own effects, by saga and step."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT saga_id, step FROM model_effect")
        return Counter((str(saga), step) for saga, step in cursor.fetchall())


@pytest.fixture(autouse=True)
def no_rows_of_work(transactional_db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM model_effect")


def nothing_is_lost_or_doubled(sagas: list[Saga], provider: Provider) -> None:
    assert {saga.state for saga in Saga.objects.all()} == {"completed"}
    assert Saga.objects.count() == len(sagas)
    assert rows_of_work() == {(str(s.id), step): 1 for s in sagas for step in ("far.write_down", "far.tell")}
    keys = {
        row.result["receipt"]: row.saga_id for row in SagaStep.objects.filter(name="far.buy") if row.result
    }
    assert len(keys) == len(sagas)
    assert set(keys) == provider.effects
    acted = [line["key"] for line in provider.told() if line["what"] == "acted"]
    assert sorted(acted) == sorted(keys)
    assert not SagaStep.objects.exclude(direction="forward").exists()
    assert [text for check in run_invariants() for text in check.violations] == []


def test_what_a_host_held_when_it_was_cut_off_is_finished_by_the_other_and_its_late_results_are_fenced_off(
    starting: Starting,
) -> None:
    provider = starting.provider
    a, b = starting.host("A"), starting.host("B")
    sagas = start(20)
    wait_until(lambda: ended(sagas) == 20, "all have ended", GENEROUS)
    assert provider.who("acted").keys() == {"A", "B"}  # they share the work

    provider.hold("A")
    sagas += start(20)
    wait_until(
        lambda: len(provider.who("arrived").get("A", set()) - provider.effects) == 2, "A is full", GENEROUS
    )
    held = provider.who("arrived")["A"] - provider.effects
    a.cables.cut()
    sagas += start(10)
    wait_until(lambda: ended(sagas) == 50, "B has finished all of them", GENEROUS)
    assert held <= provider.who("acted")["B"]
    assert held & provider.who("acted")["A"] == set()
    records = {row.id: (row.result, row.token) for row in SagaStep.objects.filter(name="far.buy")}

    provider.let_go("A")  # now it acts, under the same keys, and has nobody to tell
    wait_until(lambda: provider.who("repeated").get("A", set()) >= held, "A acts late", GENEROUS)
    assert not SagaEvent.objects.filter(kind__in=["late_result", "late_failure"]).exists()
    a.cables.mend()
    late = SagaEvent.objects.filter(kind__startswith="late_", step="far.buy")
    wait_until(lambda: late.count() >= 2, "what A says late is written down", GENEROUS)
    assert {row.id: (row.result, row.token) for row in SagaStep.objects.filter(name="far.buy")} == records
    assert {entry.data["adopted"] for entry in late} == {False}

    again = start(20)
    sagas += again
    wait_until(lambda: ended(sagas) == 70, "the rest has ended", GENEROUS)
    by_a = {line["saga"] for line in provider.told() if (line["host"], line["what"]) == ("A", "acted")}
    assert by_a & {str(saga.id) for saga in again}  # it shares the work again
    assert a.worker.is_alive
    assert b.worker.is_alive
    nothing_is_lost_or_doubled(sagas, provider)


def test_a_host_cut_off_in_the_middle_of_a_transaction_does_not_hold_its_saga_for_ever(
    starting: Starting, tmp_path: Path
) -> None:
    evidence = tmp_path / "evidence"
    a = starting.host("A", ORDERLY_CRASH="K9:hang:forward:far.tell", ORDERLY_CRASH_EVIDENCE=str(evidence))
    sagas = start(3)
    wait_until(evidence.exists, "A stands before its commit, and has the saga locked", GENEROUS)
    a.cables.cut()
    starting.host("B")
    wait_until(lambda: ended(sagas) == 3, "B has finished all of them", GENEROUS)
    nothing_is_lost_or_doubled(sagas, starting.provider)
