"""A step that kills its worker's process again and again is given up after a number of deliveries; the others keep flowing."""

from __future__ import annotations

from uuid import uuid4

from django.db import transaction

from orchestration.conf import engine_settings
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.models import Incident, Saga
from orchestration.services import start_saga
from orchestration.testing.run import RESTING
from orchestration.verification import run_invariants
from tests.bootstrap.running_system import wait_until
from tests.orchestration.poison import Pill, before_pivot, past_pivot
from tests.orchestration.worker_process import empty, worker_process

SHORT = {
    "ORDERLY_LEASE_SECONDS": "0.8",
    "ORDERLY_RESEND_AFTER_SECONDS": "2",
    "ORDERLY_HEARTBEAT_SECONDS": "0.2",
}


def _start(definition: SagaDefinition, *, deadly: bool) -> Saga:
    with transaction.atomic():
        return start_saga(definition, input=Pill(deadly=deadly), business_key=str(uuid4()))


def _deadly_row(saga: Saga) -> tuple[str, int]:
    row = saga.steps.get(name="poison.swallow", direction="forward")
    return row.state, row.deliveries


def test_a_step_that_kills_its_worker_ends_as_undo_or_incident_while_the_others_keep_flowing(
    process_environment: dict[str, str], transactional_db: None
) -> None:
    queues = ("poison", "orchestration")
    empty(*queues)
    with worker_process(
        process_environment, "-c", "2", "-I", "tests.orchestration.poison", queues=queues, **SHORT
    ) as worker:
        undone, stuck = _start(before_pivot, deadly=True), _start(past_pivot, deadly=True)
        healthy = [_start(definition, deadly=False) for definition in (before_pivot, past_pivot) * 10]
        ended = Saga.objects.filter(id__in=[saga.id for saga in healthy], state="completed")
        wait_until(lambda: ended.count() == len(healthy), "the healthy ones have ended", 60)
        told = Incident.objects.filter(saga=stuck, resolved_at=None)
        wait_until(
            lambda: told.exists() and Saga.objects.get(id=undone.id).state in RESTING,
            "the deadly ones rest",
            90,
        )
        assert worker.is_alive
        assert worker.log.read_text().count("signal 9 (SIGKILL)") >= engine_settings().MAX_CRASHES

    most = engine_settings().MAX_CRASHES + 2  # one that gives it up, and one that settles it
    undone.refresh_from_db()
    assert undone.failure is not None
    assert (undone.state, undone.failure["code"]) == ("compensated", "kills_worker")
    state, deliveries = _deadly_row(undone)
    assert state == "absent"
    assert deliveries <= most
    assert (told.get().kind, told.get().step) == ("step_failed", "poison.swallow")
    assert "kill its worker" in told.get().message
    state, deliveries = _deadly_row(stuck)
    assert state == "failed"
    assert deliveries <= most
    assert [text for result in run_invariants() for text in result.violations] == []
