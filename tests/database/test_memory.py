"""A step that keeps memory: the process it runs in is replaced between two steps before it grows without bound."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import transaction

from orchestration.models import Saga, SagaStep
from orchestration.services import start_saga
from tests.bootstrap.running_system import wait_until
from tests.database.leaking import LEAKED, Leak, leaks
from tests.orchestration.worker_process import empty, worker_process

LIMIT = 400
"""Megabytes; a process that has leaked nothing is well below."""
SAGAS = 30


@pytest.mark.durability
def test_a_leaking_step_costs_processes_and_no_saga(
    process_environment: dict[str, str], transactional_db: None
) -> None:
    queues = ("leaking", "orchestration")
    empty(*queues)
    with worker_process(
        process_environment,
        "-c",
        "1",
        "-I",
        "tests.database.leaking",
        queues=queues,
        ORDERLY_WORKER_MEMORY_MB=str(LIMIT),
    ) as worker:
        for number in range(SAGAS):
            with transaction.atomic():
                start_saga(leaks, input=Leak(number=number), business_key=str(uuid4()))
        wait_until(
            lambda: Saga.objects.filter(state="completed").count() == SAGAS, "every saga has ended", 50
        )
        assert worker.is_alive
    grown = [row.result or {} for row in SagaStep.objects.filter(name="leaking.leak")]
    assert max(each["megabytes"] for each in grown) <= LIMIT + 2 * LEAKED
    assert len({each["process"] for each in grown}) >= 3
    assert set(SagaStep.objects.values_list("deliveries", "attempts")) == {(1, 1)}
