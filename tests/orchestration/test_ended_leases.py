"""A worker that ends gives its claims back."""

from __future__ import annotations

from dataclasses import replace

from orchestration.engine.steps.rights import claim, end_leases
from orchestration.models import Saga
from orchestration.testing import SagaRun
from tests.orchestration.deliveries import claimed, message
from tests.orchestration.sample import TripInput, trip


def test_a_lease_that_is_ended_is_free_at_once_and_counts_as_no_crash(transactional_db: None) -> None:
    run = SagaRun(trip, TripInput(name="Ada"))
    run.until(lambda each: "sample.register" in each.done)
    task_id = message(run, "charge").task_id
    first = claimed(run, "charge", lease=600)
    assert end_leases([]) == end_leases(["another"]) == 0
    assert end_leases([task_id]) == 1
    assert end_leases([task_id]) == 0
    assert Saga.objects.get(id=run.id).wake_at is not None
    second = claimed(run, "charge", lease=600)
    assert second.unsure, "it may have acted, and is looked up first"
    assert (first.token, second.token) == (1, 2)
    assert second.deliveries == first.deliveries


def test_the_lease_of_a_step_that_its_task_ran_ahead_to_ends_with_it(transactional_db: None) -> None:
    run = SagaRun(trip, TripInput(name="Ada"))
    run.until(lambda each: "sample.register" in each.done)
    ahead = replace(message(run, "charge"), task_id="outer.2")
    assert claim(ahead, task="sample.charge", external=True, lease=600) is not None
    assert end_leases(["outer.3", "2"]) == 0
    assert end_leases(["outer"]) == 1
