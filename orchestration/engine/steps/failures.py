"""What follows from an attempt that had no good end: it is recorded, with the turn into undo if there is one.

The slow path: rows are read under the saga's lock. Guarantee: the recording of a failure and the turn into undo are
one transaction, so no failure is known that has no consequence.
"""

from __future__ import annotations

import logging
from typing import Any

from django.db import DataError, IntegrityError, ProgrammingError
from django.db import Error as DatabaseError

from orchestration.core.planning.kinds import IncidentKind
from orchestration.core.planning.states import StepState
from orchestration.core.storable import facts_of
from orchestration.core.storable_errors import storable_error
from orchestration.engine.database.conflicts import again_after_conflict
from orchestration.engine.database.connection import transaction
from orchestration.engine.database.errors import is_conflict, is_outage
from orchestration.engine.incidents.opening import open_incident
from orchestration.engine.messages.transport import knock
from orchestration.engine.rows.locks import lock_saga
from orchestration.engine.steps.attempt import Attempt
from orchestration.engine.steps.consequences import (
    give_up,
    keep_command,
    keep_difference,
    postpone,
    try_again,
)
from orchestration.engine.steps.late import keep_late_failure, keep_late_result
from orchestration.engine.steps.records import NotRecorded
from orchestration.engine.steps.rights import release
from orchestration.errors import (
    CommandNotBuilt,
    EffectDiffers,
    OutcomeUnknown,
    StepError,
    StepExhausted,
    StepRejected,
    StepRetryable,
)
from orchestration.models import SagaStep
from orchestration.sentences import explained
from orchestration.signals import tell_failed

logger = logging.getLogger(__name__)


class Unrecordable(StepError):
    """The step failed, and its error cannot be recorded."""

    code = "unrecordable"


def answer(attempt: Attempt, error: Exception) -> None:
    """Record what an attempt has come to that was rolled back, or had no good end. Opens transactions.

    Raises:
        StepError: the step is given up, and that is recorded.
    """
    if isinstance(error, NotRecorded):
        _keep_superseded(attempt)
        return
    _say_loudly(attempt, error)
    given_up = _write(attempt, error)
    if given_up is not None:
        raise given_up from error


@again_after_conflict
def give_up_killer(attempt: Attempt) -> StepError:
    """Give up a step whose deliveries keep ending without an answer: it kills its workers. Opens a transaction."""
    with transaction.atomic():
        saga = lock_saga(attempt.message.saga_id)
        row = SagaStep.objects.select_for_update().get(id=attempt.right.row_id)
        error = StepExhausted(
            f"{row.name} was delivered {row.deliveries} times and answered {row.attempts} times: it seems to kill its worker",
            code="kills_worker",
        )
        row.error = storable_error(error)
        give_up(saga, row, attempt.definition, error)
        row.save()
        saga.save()
        tell_failed(saga, row, final=True)
        return error


def _keep_superseded(attempt: Attempt) -> None:
    """Undo has begun, or a person has changed the course: a local effect is called off; an external one exists all the same."""
    right, participant = attempt.right, attempt.participant
    if attempt.reference.is_external and attempt.command is not None:
        keep_late_result(right, participant, attempt.command, attempt.result, attempt.context)
        return
    release(right)
    knock(attempt.message.saga_id)  # undo may be waiting for exactly this step


def _say_loudly(attempt: Attempt, error: Exception) -> None:
    """Log what is no answer of a step but a bug in it, with its traceback: from the rows alone nobody would be called."""
    if is_outage(error) or is_conflict(error):
        return
    if isinstance(error, StepError) and not isinstance(error, CommandNotBuilt):
        return
    saga, message = attempt.saga, attempt.message
    logger.error(
        "saga %s %s (%s): %s (%s) failed in attempt %s: %s",
        saga.reference or saga.business_key,
        message.saga_id,
        attempt.definition,
        message.step,
        message.direction.value,
        attempt.right.attempts + 1,
        type(error).__name__,
        exc_info=error,
    )


def _write(attempt: Attempt, error: Exception) -> StepError | None:
    """Record a failure. One that cannot be recorded as it is, is recorded as that, and a person is told."""
    facts = facts_of(attempt.command) if attempt.command is not None else None
    try:
        return _record_failure(attempt, error, facts)
    except Exception as unrecordable:
        if isinstance(unrecordable, DatabaseError) and not isinstance(
            unrecordable, DataError | IntegrityError | ProgrammingError
        ):
            raise  # the database is at fault, and not what is to be recorded
        step = attempt.message.step
        logger.exception("saga %s: a failure of %s cannot be recorded", attempt.message.saga_id, step)
        plain = Unrecordable(
            f"{step} failed with {type(error).__name__}, which cannot be recorded: {type(unrecordable).__name__}"
        )
        return _record_failure(attempt, plain, None)


@again_after_conflict
def _record_failure(attempt: Attempt, error: Exception, facts: dict[str, Any] | None) -> StepError | None:
    """Write down a failed attempt and decide by policy. Opens a transaction; locks the saga, then the step row.

    What the database could not serve is no attempt of the step's: it comes again, however often, until the saga's
    deadline. Neither an attempt nor a delivery without an answer is counted.

    Returns:
        The error with which the task is to fail, which fires `link_error`, if the step is given up. Nothing is written when somebody
        else has taken the step over meanwhile.
    """
    right, definition = attempt.right, attempt.definition
    with transaction.atomic():
        saga = lock_saga(attempt.message.saga_id)
        row = SagaStep.objects.select_for_update().get(id=right.row_id)
        unsure = _is_unsure(error, external=attempt.reference.is_external, before=right.unsure)
        if row.token != right.token or row.state != StepState.RUNNING.value:
            keep_late_failure(saga, row, right, storable_error(error), perhaps_acted=unsure)
            return None
        row.error, row.input = storable_error(error), facts
        row.unsure = unsure
        given_up: StepError | None = None
        if is_outage(error) or is_conflict(error):
            postpone(saga, row, error)
        elif isinstance(error, CommandNotBuilt):
            keep_command(saga, row, error)
        elif isinstance(error, EffectDiffers):
            row.attempts += 1
            keep_difference(saga, row)
        else:
            row.attempts += 1
            if isinstance(error, Unrecordable):
                open_incident(saga, IncidentKind.CANNOT_RECORD, step=row.name, message=row.error["message"])
            policy = definition.retry_policy(row.name, row.direction)
            if isinstance(error, StepRejected) or not policy.allows(ended_attempts=row.attempts):
                give_up(saga, row, definition, error)
                given_up = _final_error(error, row)
            else:
                try_again(saga, row, policy, error)
            tell_failed(saga, row, final=given_up is not None)
        row.save()
        saga.save()
        return given_up


def _is_unsure(error: Exception, *, external: bool, before: bool) -> bool:
    if not external:
        return False
    if isinstance(error, StepRetryable | StepRejected):
        # "Nothing happened" is said of this attempt; with one idempotency key an earlier one may still have acted,
        # but a provider that refuses the key outright has not.
        return before and not isinstance(error, StepRejected)
    return True


def _final_error(error: Exception, row: SagaStep) -> StepError:
    if isinstance(error, StepRejected):
        return error
    facts = row.error or {}
    code = error.code if isinstance(error, OutcomeUnknown) else "exhausted"
    return StepExhausted(
        explained(f"{row.name} failed {row.attempts} times", facts.get("message", "")), code=code
    )
