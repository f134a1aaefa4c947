"""Recording that an attempt did not end well, and what follows from it: retry, undo, or an incident.

The slow path: rows are read under the saga's lock. Guarantee: the recording of a failure and the turn into undo are
one transaction, so no failure is known that has no consequence.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from orchestration.conf import engine_settings
from orchestration.core.definition.policy import RetryPolicy
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.planning.states import FORWARD_STATES, TERMINAL, Direction, SagaState, StepState
from orchestration.core.row_values import without_row_values
from orchestration.core.storable import (
    LONGEST_CODE,
    LONGEST_MESSAGE,
    LONGEST_TRACEBACK,
    MOST_ERROR_BYTES,
    storable_data,
    storable_text,
)
from orchestration.engine.database.conflicts import again_after_conflict
from orchestration.engine.database.connection import transaction
from orchestration.engine.database.errors import is_conflict, is_outage, sqlstate
from orchestration.engine.incidents.opening import open_incident, resolve_incidents
from orchestration.engine.rows.history import move, note
from orchestration.engine.rows.locks import lock_saga
from orchestration.engine.rows.reading import database_now
from orchestration.engine.steps.bad_commands import keep_place
from orchestration.engine.steps.claims import Claim, StepMessage
from orchestration.engine.steps.late import keep_late_failure
from orchestration.errors import (
    CommandNotBuilt,
    EffectDiffers,
    OutcomeUnknown,
    StepError,
    StepExhausted,
    StepRejected,
    StepRetryable,
)
from orchestration.models import Saga, SagaStep
from orchestration.sentences import explained
from orchestration.signals import tell_failed

POSTPONED_FOR = timedelta(seconds=5)
"""How long a step waits for a database that could not serve it."""
UNREACHABLE_AFTER = timedelta(minutes=2)
"""How long a provider may leave an undo or an unknown outcome unanswered until a person is told."""
LOOK_AGAIN_AT_DIFFERENCE = timedelta(minutes=10)
"""How long until a provider is asked again whether an effect is still not the one that was asked for."""
LINK_ERROR_GRACE = timedelta(seconds=3)
"""How long the error callback may take to knock before the heartbeat starts the undo itself."""


class Unrecordable(StepError):
    """The step failed, and its error cannot be recorded."""

    code = "unrecordable"


@dataclass(frozen=True, slots=True)
class Failed:
    """What was decided about a failed attempt."""

    final: bool
    """The step is given up; the task ends as failed, which fires `link_error`."""
    error: StepError


def describe(error: BaseException) -> dict[str, Any]:
    """An error as JSON, with its traceback for people. Local variables are not kept: they may hold secrets."""
    found = error if isinstance(error, StepError) else None
    return {
        "kind": type(error).__name__,
        "code": storable_text(found.code if found else type(error).__name__, LONGEST_CODE),
        "message": without_row_values(storable_text(found.message if found else error, LONGEST_MESSAGE))
        or type(error).__name__,
        "data": storable_data(found.data, MOST_ERROR_BYTES) if found else {},
        "traceback": "" if isinstance(error, StepRejected) else _traceback_of(error),
    }


def _traceback_of(error: BaseException) -> str:
    """The end of it, where it says what happened; of a message of megabytes only the beginning is formatted."""
    lines = traceback.TracebackException.from_exception(error, max_group_depth=3).format()
    text = "".join(line[:LONGEST_MESSAGE] for line in lines)
    return storable_text(without_row_values(text)[-LONGEST_TRACEBACK:], LONGEST_TRACEBACK)


@again_after_conflict
def record_failure(
    message: StepMessage,
    claim: Claim,
    definition: SagaDefinition,
    error: Exception,
    *,
    external: bool,
    input: Any,
) -> Failed | None:
    """Write down a failed attempt and decide by policy. Opens a transaction; locks the saga, then the step row.

    What the database could not serve is no attempt of the step's: it comes again, however often, until the saga's
    deadline. Neither an attempt nor a delivery without an answer is counted.

    Returns:
        The decision, or None when somebody else has taken the step over meanwhile (nothing is written).
    """
    with transaction.atomic():
        saga = lock_saga(message.saga_id)
        row = SagaStep.objects.select_for_update().get(id=claim.row_id)
        if row.token != claim.token or row.state != StepState.RUNNING.value:
            unsure = _is_unsure(error, external=external, before=claim.unsure)
            keep_late_failure(saga, row, claim, describe(error), perhaps_acted=unsure)
            return None
        row.error = describe(error)
        row.input = input
        row.lease_until = None
        row.unsure = _is_unsure(error, external=external, before=claim.unsure)
        if is_outage(error) or is_conflict(error):
            row.deliveries -= 1
            _postpone(saga, row, error)
            row.save()
            saga.save()
            return Failed(False, StepRetryable(row.error["message"]))
        if isinstance(error, CommandNotBuilt):
            row.deliveries -= 1
            row.state, row.due_at = (StepState.UNKNOWN if row.unsure else StepState.WAITING).value, None
            keep_place(saga, row.name, row.direction, error.message)
            row.save()
            saga.save()
            return Failed(False, error)
        row.attempts += 1
        if isinstance(error, EffectDiffers):
            _keep_its_place(saga, row)
            row.save()
            saga.save()
            return Failed(False, error)
        if isinstance(error, Unrecordable):
            open_incident(saga, "cannot_record", step=row.name, message=row.error["message"])
        policy = definition.retry_policy(row.name, row.direction)
        final = isinstance(error, StepRejected) or not policy.allows(ended_attempts=row.attempts)
        if final:
            _give_up(saga, row, definition, error)
        else:
            _try_again(saga, row, definition, policy, error)
        row.save()
        saga.save()
        tell_failed(saga, row, final=final)
        if not final:
            return Failed(False, StepRetryable(row.error["message"]))
        return Failed(True, _final_error(error, row))


@again_after_conflict
def give_up_killer(saga_id: UUID, row_id: int, definition: SagaDefinition) -> StepError:
    """Give up a step whose deliveries keep ending without an answer: it kills its workers. Opens a transaction."""
    with transaction.atomic():
        saga = lock_saga(saga_id)
        row = SagaStep.objects.select_for_update().get(id=row_id)
        error = StepExhausted(
            f"{row.name} was delivered {row.deliveries} times and answered {row.attempts} times: it seems to kill its worker",
            code="kills_worker",
        )
        row.error = describe(error)
        row.lease_until = None
        _give_up(saga, row, definition, error)
        row.save()
        saga.save()
        tell_failed(saga, row, final=True)
        return error


def begin_undo(
    saga: Saga, *, kind: str, step: str | None, error: dict[str, Any], who: str = "engine"
) -> None:
    """Turn a locked saga round; the caller saves it. The epoch rises, so no forward message counts any more.

    Raises:
        TransitionRefused: it is already being undone or has ended.
    """
    saga.failure = {
        "kind": kind,
        "step": step,
        "code": error.get("code", kind),
        "message": error.get("message", ""),
        "data": error.get("data", {}),
    }
    saga.epoch += 1
    saga.wake_at = database_now() + LINK_ERROR_GRACE
    move(
        saga,
        SagaState.COMPENSATING,
        "undo_begun",
        who=who,
        step=step or "",
        reason=kind,
        message=saga.failure["message"],
    )


def _is_unsure(error: Exception, *, external: bool, before: bool) -> bool:
    if not external:
        return False
    if isinstance(error, StepRetryable | StepRejected):
        # "Nothing happened" is said of this attempt; with one idempotency key an earlier one may still have acted,
        # but a provider that refuses the key outright has not.
        return before and not isinstance(error, StepRejected)
    return True


def _give_up(saga: Saga, row: SagaStep, definition: SagaDefinition, error: Exception) -> None:
    rejected = isinstance(error, StepRejected)
    row.state = (StepState.REJECTED if rejected else StepState.FAILED).value
    row.due_at = None
    row.ended_at = database_now()
    facts = row.error or {}
    note(
        saga,
        "step_rejected" if rejected else "step_failed",
        step=row.name,
        direction=row.direction,
        attempt=row.attempts,
        code=facts.get("code"),
        message=facts.get("message"),
    )
    row.done_seq = saga.last_seq
    saga.wake_at = database_now() + LINK_ERROR_GRACE
    if row.attempts > 1 and not row.unsure:
        resolve_incidents(
            saga, step=row.name, kind="cannot_reach", by="engine", resolution="It is not asked any more."
        )
    if row.direction != Direction.FORWARD.value:
        if SagaState(saga.state) in TERMINAL:
            open_incident(saga, "undo_failed", step=row.name, message=facts.get("message", ""))
        return  # the plan decides: go on with the others, or stop; then an incident
    if row.unsure and definition.pivot is not None and definition.pivot.name == row.name:
        return  # it may have acted, and then there is no way back: the plan has it settled first
    if row.name in definition.after_pivot:
        open_incident(saga, "step_failed", step=row.name, message=facts.get("message", ""))
    elif SagaState(saga.state) in FORWARD_STATES:
        begin_undo(saga, kind="rejected" if rejected else "exhausted", step=row.name, error=facts)


def _try_again(
    saga: Saga, row: SagaStep, definition: SagaDefinition, policy: RetryPolicy, error: Exception
) -> None:
    asked = error.retry_after if isinstance(error, StepRetryable) else None
    due_at = _note_retry(saga, row, policy.delay(ended_attempts=row.attempts, asked=asked))
    undo = row.direction == Direction.UNDO.value
    struggles = not undo and row.attempts >= engine_settings().INCIDENT_AFTER_ATTEMPTS
    # A few attempts take long where many orders wait for the same provider. Who says when to come back has answered.
    silent = isinstance(error, OutcomeUnknown | StepRetryable) and (undo or asked is None)
    if silent and not struggles and due_at - (row.started_at or due_at) > UNREACHABLE_AFTER:
        open_incident(saga, "cannot_reach", step=row.name, message=(row.error or {}).get("message", ""))
    if struggles:
        open_incident(saga, "step_struggles", step=row.name, message=(row.error or {}).get("message", ""))


def _keep_its_place(saga: Saga, row: SagaStep) -> None:
    """The effect exists and is another one: neither done nor undone, until a person has put it right."""
    row.unsure = True
    _note_retry(saga, row, LOOK_AGAIN_AT_DIFFERENCE.total_seconds())
    open_incident(saga, "effect_differs", step=row.name, message=(row.error or {}).get("message", ""))


def _postpone(saga: Saga, row: SagaStep, error: Exception) -> None:
    _rest(saga, row, POSTPONED_FOR.total_seconds())
    note(saga, "step_postponed", step=row.name, direction=row.direction, code=sqlstate(error))


def _note_retry(saga: Saga, row: SagaStep, delay: float) -> datetime:
    """Have a step that has failed rest for `delay` seconds, and write that into the history. Returns until when."""
    due_at = _rest(saga, row, delay)
    facts = row.error or {}
    note(
        saga,
        "step_retry",
        step=row.name,
        direction=row.direction,
        attempt=row.attempts,
        code=facts.get("code"),
        message=facts.get("message"),
        delay=round(delay, 3),
    )
    return due_at


def _rest(saga: Saga, row: SagaStep, seconds: float) -> datetime:
    row.state = (StepState.UNKNOWN if row.unsure else StepState.WAITING).value
    due_at = row.rest(seconds, since=database_now())
    saga.wake_at = min(due_at, saga.wake_at or due_at)
    return due_at


def _final_error(error: Exception, row: SagaStep) -> StepError:
    if isinstance(error, StepRejected):
        return error
    facts = row.error or {}
    code = error.code if isinstance(error, OutcomeUnknown) else "exhausted"
    return StepExhausted(
        explained(f"{row.name} failed {row.attempts} times", facts.get("message", "")), code=code
    )
