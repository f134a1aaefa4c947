"""A worker that is told to go in the middle of its work: what it cannot finish goes on at once, at another one."""

from __future__ import annotations

import signal
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from orchestration.models import Saga, SagaEvent, SagaStep
from orchestration.verification import run_invariants
from tests.bootstrap.running_system import wait_until
from tests.broker import errand
from tests.orchestration.worker_process import WorkerProcess, empty, worker_process

FAR = "600"
"""Seconds of a lease: a saga that waited for one would be seen."""


@pytest.mark.durability
def test_a_graceful_restart_under_load_fails_no_saga_and_waits_for_no_lease(
    process_environment: dict[str, str], transactional_db: None, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger"
    provider = errand.Provider(ledger)
    settings = {"ORDERLY_LEASE_SECONDS": FAR, "REMAP_SIGTERM": "SIGQUIT", errand.LEDGER: str(ledger)}
    empty(*errand.QUEUES)

    def worker(name: str) -> AbstractContextManager[WorkerProcess]:
        return worker_process(
            process_environment, "-c", "2", "-n", f"{name}@%h", "-I", "tests.broker.errand", queues=errand.QUEUES, **settings,
        )  # fmt: skip

    with worker("old") as old:
        slow = errand.start(2, held=True)
        wait_until(lambda: len(provider.begun()) == 2, "both of its processes are at work", 60)
        quick = errand.start(20)
        with worker("new") as new:
            old.process.send_signal(signal.SIGTERM)
            old.process.wait(30)
            provider.release()
            ended = Saga.objects.filter(id__in=[saga.id for saga in slow + quick], state="completed")
            wait_until(lambda: ended.count() == 22, "every saga has ended well", 90)
            assert new.is_alive
        assert "gave back 2 steps" in old.log.read_text()
    assert not SagaEvent.objects.filter(kind__in=("step_failed", "step_rejected", "undo_begun")).exists()
    assert provider.effects() == {"pay": 22, "begin": 22, "carry": 22}
    again = [key for what, key in provider.lines() if what == "begin"]
    assert len(again) == 24, "the two that were cut short were begun again, and no other"
    assert max(SagaStep.objects.values_list("deliveries", flat=True)) == 1
    assert [text for result in run_invariants() for text in result.violations] == []
