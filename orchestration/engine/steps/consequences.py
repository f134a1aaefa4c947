"""What a failed attempt means for its step and its saga: a rest, another try, or giving the step up. Saga and row are locked, and saved by the caller."""

from __future__ import annotations

from datetime import datetime, timedelta

from orchestration.conf import engine_settings
from orchestration.core.definition.policy import RetryPolicy
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.planning.kinds import HistoryKind, IncidentKind
from orchestration.core.planning.states import FORWARD_STATES, TERMINAL, Direction, SagaState, StepState
from orchestration.engine.database.errors import sqlstate
from orchestration.engine.incidents.opening import open_incident, resolve_incidents
from orchestration.engine.rows.history import note
from orchestration.engine.rows.reading import database_now
from orchestration.engine.rows.steps import move_step
from orchestration.engine.rows.turning import LINK_ERROR_GRACE, begin_undo
from orchestration.engine.steps.bad_commands import keep_place
from orchestration.errors import CommandNotBuilt, OutcomeUnknown, StepRejected, StepRetryable
from orchestration.models import Saga, SagaStep

POSTPONED_FOR = timedelta(seconds=5)
"""How long a step waits for a database that could not serve it."""
UNREACHABLE_AFTER = timedelta(minutes=2)
"""How long a provider may leave an undo or an unknown outcome unanswered until a person is told."""
LOOK_AGAIN_AT_DIFFERENCE = timedelta(minutes=10)
"""How long until a provider is asked again whether an effect is still not the one that was asked for."""


def give_up(saga: Saga, row: SagaStep, definition: SagaDefinition, error: Exception) -> None:
    """Give a step up: a forward one before the pivot turns its saga round, one behind the pivot waits for a person."""
    rejected = isinstance(error, StepRejected)
    facts = row.error or {}
    note(
        saga,
        HistoryKind.STEP_REJECTED if rejected else HistoryKind.STEP_FAILED,
        step=row.name,
        direction=row.direction,
        attempt=row.attempts,
        code=facts.get("code"),
        message=facts.get("message"),
    )
    move_step(saga, row, StepState.REJECTED if rejected else StepState.FAILED)
    saga.wake_at = database_now() + LINK_ERROR_GRACE
    if row.attempts > 1 and not row.unsure:
        resolve_incidents(
            saga,
            step=row.name,
            kind=IncidentKind.CANNOT_REACH,
            by="engine",
            resolution="It is not asked any more.",
        )
    if row.direction != Direction.FORWARD.value:
        if SagaState(saga.state) in TERMINAL:
            open_incident(saga, IncidentKind.UNDO_FAILED, step=row.name, message=facts.get("message", ""))
        return  # the plan decides: go on with the others, or stop; then an incident
    if row.unsure and definition.pivot is not None and definition.pivot.name == row.name:
        return  # it may have acted, and then there is no way back: the plan has it settled first
    if row.name in definition.after_pivot:
        open_incident(saga, IncidentKind.STEP_FAILED, step=row.name, message=facts.get("message", ""))
    elif SagaState(saga.state) in FORWARD_STATES:
        begin_undo(saga, kind="rejected" if rejected else "exhausted", step=row.name, error=facts)


def try_again(saga: Saga, row: SagaStep, policy: RetryPolicy, error: Exception) -> None:
    """Have a step come again when its policy says; a person is told of one that struggles, or whose provider is silent for long."""
    asked = error.retry_after if isinstance(error, StepRetryable) else None
    due_at = _note_retry(saga, row, policy.delay(ended_attempts=row.attempts, asked=asked))
    undo = row.direction == Direction.UNDO.value
    struggles = not undo and row.attempts >= engine_settings().INCIDENT_AFTER_ATTEMPTS
    # A few attempts take long where many orders wait for the same provider. Who says when to come back has answered.
    silent = isinstance(error, OutcomeUnknown | StepRetryable) and (undo or asked is None)
    if silent and not struggles and due_at - (row.started_at or due_at) > UNREACHABLE_AFTER:
        open_incident(
            saga, IncidentKind.CANNOT_REACH, step=row.name, message=(row.error or {}).get("message", "")
        )
    if struggles:
        open_incident(
            saga, IncidentKind.STEP_STRUGGLES, step=row.name, message=(row.error or {}).get("message", "")
        )


def keep_difference(saga: Saga, row: SagaStep) -> None:
    """Keep the place of a step whose effect exists and is another one: neither done nor undone, until a person has put it right."""
    row.unsure = True
    _note_retry(saga, row, LOOK_AGAIN_AT_DIFFERENCE.total_seconds())
    open_incident(
        saga, IncidentKind.EFFECT_DIFFERS, step=row.name, message=(row.error or {}).get("message", "")
    )


def keep_command(saga: Saga, row: SagaStep, error: CommandNotBuilt) -> None:
    """Keep the place of a step whose command cannot be built: that was no delivery, and other code may build it."""
    row.deliveries -= 1
    move_step(saga, row, StepState.UNKNOWN if row.unsure else StepState.WAITING)
    keep_place(saga, row.name, row.direction, error.message)


def postpone(saga: Saga, row: SagaStep, error: Exception) -> None:
    """Have a step rest that the database could not serve: that was no attempt, and no delivery without an answer."""
    row.deliveries -= 1
    _rest(saga, row, POSTPONED_FOR.total_seconds())
    note(saga, HistoryKind.STEP_POSTPONED, step=row.name, direction=row.direction, code=sqlstate(error))


def _note_retry(saga: Saga, row: SagaStep, delay: float) -> datetime:
    """Have a step that has failed rest for `delay` seconds, and write that into the history. Returns until when."""
    due_at = _rest(saga, row, delay)
    facts = row.error or {}
    note(
        saga,
        HistoryKind.STEP_RETRY,
        step=row.name,
        direction=row.direction,
        attempt=row.attempts,
        code=facts.get("code"),
        message=facts.get("message"),
        delay=round(delay, 3),
    )
    return due_at


def _rest(saga: Saga, row: SagaStep, seconds: float) -> datetime:
    move_step(saga, row, StepState.UNKNOWN if row.unsure else StepState.WAITING)
    due_at = row.rest(seconds, since=database_now())
    saga.wake_at = min(due_at, saga.wake_at or due_at)
    return due_at
