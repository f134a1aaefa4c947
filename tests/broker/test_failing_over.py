"""A broker that takes no writes for a while, as one does that is failed over: workers stay, and everything goes on afterwards."""

from __future__ import annotations

from orchestration.models import Saga
from tests.bootstrap.running_system import wait_until
from tests.broker import errand
from tests.broker.conftest import Errands

COUNT = 4


def test_a_read_only_broker_is_a_lost_connection_and_no_worker_ends(errands: Errands) -> None:
    first = errand.start(1)
    wait_until(lambda: _ended(first) == 1, "it is at work", 60)
    errands.valkey.become_a_replica()
    sagas = errand.start(COUNT)
    log = errands.worker.log
    wait_until(lambda: log.read_text().count("read only replica") >= 3, "it has met the server so", 60)
    assert errands.worker.is_alive
    assert _ended(sagas) == 0
    errands.valkey.become_a_master()
    wait_until(lambda: _ended(sagas) == COUNT, "every saga has ended", 60)
    assert errands.worker.is_alive
    assert "Unrecoverable error" not in log.read_text()
    assert errands.provider.effects() == {"pay": COUNT + 1, "begin": COUNT + 1, "carry": COUNT + 1}


def _ended(sagas: list[Saga]) -> int:
    return Saga.objects.filter(id__in=[saga.id for saga in sagas], state="completed").count()
