"""A broker that takes no writes for a while, as one does that is failed over: workers stay, and everything goes on afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.models import Saga
from tests.bootstrap.running_system import wait_until
from tests.broker import errand
from tests.broker.own_valkey import own_valkey
from tests.orchestration.worker_process import worker_process

SHORT = {"ORDERLY_RESEND_AFTER_SECONDS": "1", "ORDERLY_HEARTBEAT_SECONDS": "0.2"}
COUNT = 4


def test_a_read_only_broker_is_a_lost_connection_and_no_worker_ends(
    process_environment: dict[str, str],
    transactional_db: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Only the worker sends: this process would do so at the broker of all the other tests.
    monkeypatch.setattr("orchestration.engine.outbox.relay.wake", lambda: None)
    ledger = tmp_path / "ledger"
    with (
        own_valkey() as valkey,
        worker_process(
            {**process_environment, "CELERY_BROKER_URL": valkey.url(0), "CELERY_RESULT_BACKEND": valkey.url(1)},
            "-c", "1", "-I", "tests.broker.errand", queues=errand.QUEUES,
            **SHORT, **{errand.LEDGER: str(ledger)},
        ) as worker,
    ):  # fmt: skip
        first = errand.start(1)
        wait_until(lambda: _ended(first) == 1, "it is at work", 60)
        valkey.become_a_replica()
        sagas = errand.start(COUNT)
        wait_until(
            lambda: worker.log.read_text().count("read only replica") >= 3, "it has met the server so", 60
        )
        assert worker.is_alive
        assert _ended(sagas) == 0
        valkey.become_a_master()
        wait_until(lambda: _ended(sagas) == COUNT, "every saga has ended", 60)
        assert worker.is_alive
        assert "Unrecoverable error" not in worker.log.read_text()
    assert errand.Provider(ledger).effects() == {"pay": COUNT + 1, "begin": COUNT + 1, "carry": COUNT + 1}


def _ended(sagas: list[Saga]) -> int:
    return Saga.objects.filter(id__in=[saga.id for saga in sagas], state="completed").count()
