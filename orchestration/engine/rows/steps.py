"""Moving the row of a step from one state to another, with everything that belongs to the state."""

from __future__ import annotations

from django.db.models.functions import Now

from orchestration.core.planning.states import ENDED_STEP_STATES, STEP_TRANSITIONS, StepState
from orchestration.errors import TransitionRefused
from orchestration.models import Saga, SagaStep


def move_step(saga: Saga, row: SagaStep, to: StepState, *, fence: bool = False) -> None:
    """Change the state of a step's row, whose saga is locked; the caller saves it.

    Only a claim begins a lease, so nothing is moved to `running`; every move ends it. An ended step is dated, and numbered by the newest entry of the history, which
    is to be written before. When a step that rests is due, the caller says afterwards (`SagaStep.rest`).

    Args:
        saga: locked.
        row: read under that lock.
        to: the new state.
        fence: whether the token rises, so that a worker that still holds the step cannot record anything.

    Raises:
        TransitionRefused: the table of transitions does not permit it, or it is for a claim to do.
    """
    permitted = row._state.adding or to in STEP_TRANSITIONS[StepState(row.state)]
    if to is StepState.RUNNING or not permitted:
        raise TransitionRefused(
            f"{row.name} ({row.direction}) of saga {saga.id} is {row.state} and cannot become {to.value}"
        )
    row.state = to.value
    row.lease_until = row.due_at = row.due_after = row.ended_at = row.done_seq = None
    if to in ENDED_STEP_STATES:
        row.ended_at, row.done_seq = Now(), saga.last_seq
    if fence:
        row.token += 1
