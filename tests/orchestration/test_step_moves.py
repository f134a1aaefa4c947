"""The states of a step's row: said once, in one table, which the mover, the claim and the record keep to."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from orchestration.core.planning.states import ENDED_STEP_STATES, STEP_TRANSITIONS, Direction, StepState
from orchestration.engine.rows.locks import lock_saga
from orchestration.engine.rows.reading import database_now
from orchestration.engine.rows.steps import move_step
from orchestration.engine.steps.rights import StepMessage, claim
from orchestration.errors import TransitionRefused
from orchestration.models import SagaStep
from orchestration.testing import SagaRun
from tests.orchestration.sample import TripInput, trip

pytestmark = pytest.mark.django_db(transaction=True)
STEP = "sample.register"


def _row(run: SagaRun, state: StepState) -> SagaStep:
    past = database_now() - timedelta(seconds=1)
    lease = past if state is StepState.RUNNING else None
    return SagaStep.objects.create(
        saga_id=run.id,
        name=STEP,
        direction="forward",
        state=state.value,
        task=STEP,
        lease_until=lease,
        token=1,
    )


def test_every_state_stands_in_the_table_and_what_is_finished_stays_so() -> None:
    assert set(STEP_TRANSITIONS) == set(StepState)
    assert {state for state, following in STEP_TRANSITIONS.items() if not following} == {
        StepState.DONE,
        StepState.NOT_NEEDED,
        StepState.SKIPPED,
    }


@pytest.mark.parametrize("before", StepState)
@pytest.mark.parametrize("to", StepState)
def test_the_mover_keeps_to_the_table_and_sets_what_belongs_to_the_state(
    before: StepState, to: StepState
) -> None:
    run = SagaRun(trip, TripInput(name="Ada"))
    _row(run, before)
    with transaction.atomic():
        saga = lock_saga(run.id)
        row = SagaStep.objects.get(saga_id=run.id)
        if to not in STEP_TRANSITIONS[before] - {StepState.RUNNING}:
            with pytest.raises(TransitionRefused, match=f"is {before.value} and cannot become {to.value}"):
                move_step(saga, row, to)
            return
        move_step(saga, row, to, fence=True)
        row.save()
    row.refresh_from_db()
    ended = to in ENDED_STEP_STATES
    assert (row.state, row.token, row.lease_until, row.due_at) == (to.value, 2, None, None)
    assert (row.ended_at is not None, row.done_seq) == (ended, 1 if ended else None)


@pytest.mark.parametrize("before", StepState)
def test_a_claim_keeps_to_the_table(before: StepState) -> None:
    run = SagaRun(trip, TripInput(name="Ada"))
    _row(run, before)
    granted = claim(
        StepMessage(run.id, STEP, Direction.FORWARD, 1, (), "t"), task=STEP, external=False, lease=30
    )
    assert granted is not None
    assert (granted[1] is not None) is (StepState.RUNNING in STEP_TRANSITIONS[before])
