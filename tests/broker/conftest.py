"""A worker at a broker of its own, which a test may disturb, with an errand in it that writes down what it did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.broker import errand
from tests.broker.own_valkey import OwnValkey, own_valkey
from tests.orchestration.worker_process import WorkerProcess, worker_process

SHORT = {"ORDERLY_RESEND_AFTER_SECONDS": "1", "ORDERLY_HEARTBEAT_SECONDS": "0.2"}


@dataclass(frozen=True)
class Errands:
    """A worker, the broker it alone talks to, and the provider it runs its errands to."""

    valkey: OwnValkey
    worker: WorkerProcess
    provider: errand.Provider


@pytest.fixture
def errands(
    process_environment: dict[str, str],
    transactional_db: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Errands]:
    """A worker that takes the errands' queues from a broker of its own."""
    # Only the worker sends: this process would do so at the broker of all the other tests.
    monkeypatch.setattr("orchestration.engine.outbox.writing.relay.wake", lambda: None)
    ledger = tmp_path / "ledger"
    with (
        own_valkey() as valkey,
        worker_process(
            {**process_environment, "CELERY_BROKER_URL": valkey.url(0), "CELERY_RESULT_BACKEND": valkey.url(1)},
            "-c", "1", "-I", "tests.broker.errand", queues=errand.QUEUES,
            **SHORT, **{errand.LEDGER: str(ledger)},
        ) as worker,
    ):  # fmt: skip
        yield Errands(valkey, worker, errand.Provider(ledger))
