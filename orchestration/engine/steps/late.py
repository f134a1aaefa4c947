"""Late results: an external effect that comes home after its lease, its token or its saga has moved on.

A late result is recorded in the history and never overwrites. While the saga goes forward, the same key means the same
effect, so it is a duplicate. It is undone only when the saga no longer goes forward and this effect is not already
undone or waiting to be. After a terminal state the engine undoes it too, with an incident open meanwhile; the state stays.
"""

from __future__ import annotations

from typing import Any

from django.db.models.functions import Now

from orchestration.core.definition import registry
from orchestration.core.definition.binding import has_undo
from orchestration.core.definition.outcome import NotNeeded
from orchestration.core.definition.references import Message
from orchestration.core.planning.context import StepContext
from orchestration.core.planning.kinds import HistoryKind, IncidentKind
from orchestration.core.planning.states import (
    FINISHED,
    FORWARD_STATES,
    TERMINAL,
    Direction,
    SagaState,
    StepState,
)
from orchestration.core.storable import cut_to_fit, facts_of
from orchestration.engine.database.conflicts import again_after_conflict
from orchestration.engine.database.connection import transaction
from orchestration.engine.incidents.opening import open_incident, resolve_incidents
from orchestration.engine.rows.history import note
from orchestration.engine.rows.locks import lock_saga
from orchestration.engine.rows.steps import move_step
from orchestration.engine.steps.participants import Participant
from orchestration.engine.steps.rights import Right
from orchestration.models import Incident, Saga, SagaStep


@again_after_conflict
def keep_late_result(
    right: Right,
    participant: Participant,
    command: Message,
    result: Message | NotNeeded | None,
    context: StepContext,
) -> None:
    """Write a late result down, and have its effect undone where nobody else will. Opens a transaction."""
    with transaction.atomic():
        saga = lock_saga(context.saga_id)
        row = SagaStep.objects.select_for_update().get(id=right.row_id)
        facts = cut_to_fit(facts_of(result)) if isinstance(result, Message) else None
        adopt = _is_forgotten(saga, row)
        note(
            saga,
            HistoryKind.LATE_RESULT,
            step=row.name,
            direction=row.direction,
            token=right.token,
            newest=row.token,
            result=facts,
            adopted=adopt,
        )
        if adopt:
            if participant.save is not None and isinstance(result, Message):
                participant.save(command, result, context)
            move_step(saga, row, StepState.DONE)
            row.unsure, row.result = False, facts
            row.result_type = type(result).__name__ if isinstance(result, Message) else None
            row.input = facts_of(command)
            _take_over(saga, row, f"{row.name} took effect after ")
        elif _is_asked_about(row):
            _fence_look_up(saga, row)
        elif _was_done_anew(row):
            # Another generation has another key: this is a second effect, and only a person can say which one stays.
            open_incident(
                saga,
                IncidentKind.LATE_EFFECT,
                step=row.name,
                message=f"{row.name} took effect under its older key, after it had been settled and done again",
            )
        saga.save()


def keep_late_failure(
    saga: Saga, row: SagaStep, right: Right, error: dict[str, Any], *, perhaps_acted: bool
) -> None:
    """Write down that a superseded attempt failed; when it may have acted all the same, have that settled again.

    Saga and row are locked; both are saved.
    """
    adopt = perhaps_acted and _is_forgotten(saga, row)
    note(
        saga,
        HistoryKind.LATE_FAILURE,
        step=row.name,
        direction=row.direction,
        token=right.token,
        code=error["code"],
        message=error["message"],
        adopted=adopt,
    )
    if adopt:
        move_step(saga, row, StepState.UNKNOWN)
        row.unsure, row.error = True, error
        _take_over(saga, row, f"{row.name} may have taken effect after ")
    elif perhaps_acted and _is_asked_about(row):
        _fence_look_up(saga, row)
    saga.save()


def close_mended(saga: Saga) -> None:
    """Close the incidents of late effects that are undone by now, or turned out not to exist. Inside a transaction."""
    for incident in Incident.objects.filter(saga=saga, kind=IncidentKind.LATE_EFFECT, resolved_at=None):
        rows = SagaStep.objects.filter(saga=saga, name=incident.step).order_by("generation")
        state = {row.direction: row.state for row in rows}
        if state.get("forward") == StepState.ABSENT.value:
            told = "It did not take effect after all."
        elif state.get("undo") in FINISHED:
            told = "The engine has undone it."
        else:
            continue
        resolve_incidents(
            saga, step=incident.step, kind=IncidentKind.LATE_EFFECT, by="engine", resolution=told
        )


def _is_forgotten(saga: Saga, row: SagaStep) -> bool:
    """Whether nobody looks after an effect: the saga no longer goes forward, and the step's row says there is none."""
    if row.direction != Direction.FORWARD.value or SagaState(saga.state) in FORWARD_STATES:
        return False
    settled = row.state in (StepState.ABSENT.value, StepState.REJECTED.value)
    resting = (StepState.FAILED.value, StepState.WAITING.value, StepState.PENDING.value)
    return (settled or (row.state in resting and not row.unsure)) and not _was_done_anew(row)


def _is_asked_about(row: SagaStep) -> bool:
    """Whether somebody may be looking up, at this moment, what became of a forward step."""
    asked = (StepState.UNKNOWN.value, StepState.FAILED.value)
    return row.direction == Direction.FORWARD.value and row.unsure and row.state in asked


def _fence_look_up(saga: Saga, row: SagaStep) -> None:
    """Have it looked up anew: a look-up under way may have found nothing a moment before the effect, and be believed."""
    row.token, row.lease_until, row.due_at = row.token + 1, None, None
    row.save()
    if SagaState(saga.state) is not SagaState.UNDO_FAILED:
        saga.wake_at = Now()


def _was_done_anew(row: SagaStep) -> bool:
    newer = SagaStep.objects.filter(
        saga_id=row.saga_id, name=row.name, direction=row.direction, generation__gt=row.generation
    )
    return newer.exists()


def _take_over(saga: Saga, row: SagaStep, told: str) -> None:
    """Mark a row as late and have the saga looked at; a person is told where undo had ended, or there is none."""
    row.late, row.token = True, row.token + 1
    row.save()
    state = SagaState(saga.state)
    step = registry.find(saga.definition, saga.version).steps[row.name]
    cannot_be_undone = step.pivot or not has_undo(step)
    if state in TERMINAL or step.pivot:
        when = "the saga had ended" if state in TERMINAL else "it had been settled as absent"
        whose = "; only a person can undo it" if cannot_be_undone or state is SagaState.COMPLETED else ""
        open_incident(saga, IncidentKind.LATE_EFFECT, step=row.name, message=f"{told}{when}{whose}")
    if state is not SagaState.UNDO_FAILED:
        saga.wake_at = Now()  # what waits in `undo_failed` goes on when a person has decided
