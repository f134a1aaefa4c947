"""A broker without memory refuses what is published; it is seen, nothing is marked as sent, and afterwards all of it goes out."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db.models import Sum

from orchestration.models import OutboxMessage, Saga
from tests.bootstrap.running_system import wait_until
from tests.broker import errand
from tests.broker.own_valkey import own_valkey
from tests.orchestration.worker_process import worker_process

SHORT = {"ORDERLY_RESEND_AFTER_SECONDS": "1", "ORDERLY_HEARTBEAT_SECONDS": "0.2"}
COUNT = 6


def test_with_a_full_broker_nothing_is_marked_as_sent_and_with_room_everything_ends(
    process_environment: dict[str, str],
    transactional_db: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Only the worker sends: this process would do so at the broker of all the other tests.
    monkeypatch.setattr("orchestration.engine.outbox.relay.wake", lambda: None)
    ledger = tmp_path / "ledger"
    unsent = OutboxMessage.objects.filter(sent_at=None)
    with (
        own_valkey() as valkey,
        worker_process(
            {**process_environment, "CELERY_BROKER_URL": valkey.url(0), "CELERY_RESULT_BACKEND": valkey.url(1)},
            "-c", "1", "-I", "tests.broker.errand", queues=errand.QUEUES,
            **SHORT, **{errand.LEDGER: str(ledger)},
        ) as worker,
    ):  # fmt: skip
        valkey.fill_up()
        sagas = errand.start(COUNT)
        refused = unsent.filter(send_failures__gte=1)
        tries = refused.aggregate
        wait_until(lambda: (tries(n=Sum("send_failures"))["n"] or 0) >= 5, "it was tried five times", 60)
        assert unsent.count() == COUNT
        assert all("maxmemory" in message.last_error for message in refused)
        assert worker.log.read_text().count("the broker is away") >= 3
        assert "could not be sent" not in worker.log.read_text()
        valkey.make_room()
        wait_until(lambda: not unsent.exists(), "the outbox is drained", 60)
        ended = Saga.objects.filter(id__in=[saga.id for saga in sagas], state="completed")
        wait_until(lambda: ended.count() == COUNT, "every saga has ended", 60)
        assert worker.is_alive
    assert errand.Provider(ledger).effects() == {"pay": COUNT, "begin": COUNT, "carry": COUNT}
