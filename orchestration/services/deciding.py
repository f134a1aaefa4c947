"""What a person decides about one step that the engine has given up: try it again, or leave it out.

Each decision is kept in the history with who and why, closes the step's incidents, and lets the saga go on by itself.
The saga's row is locked, so of two people at once one decides, and the other is told what was decided. The epoch
stays: no message on its way becomes wrong, because the rows refuse what no longer fits.
"""

from __future__ import annotations

from uuid import UUID

from django.db.models.functions import Now

from orchestration.core.definition import registry
from orchestration.core.definition.arguments import is_name, shown
from orchestration.core.definition.binding import takers_of
from orchestration.core.planning.kinds import HistoryKind
from orchestration.core.planning.states import (
    FINISHED,
    FORWARD_STATES,
    TERMINAL,
    Direction,
    SagaState,
    StepState,
)
from orchestration.core.storable import LONGEST_MESSAGE, is_storable_text
from orchestration.engine.database.connection import transaction
from orchestration.engine.incidents.opening import resolve_incidents
from orchestration.engine.rows.history import move, note
from orchestration.engine.rows.locks import lock_saga
from orchestration.engine.rows.reading import database_now
from orchestration.engine.rows.steps import move_step
from orchestration.errors import InvalidDecision, TransitionRefused, UnknownDefinition
from orchestration.models import Saga, SagaEvent, SagaStep
from orchestration.services.waking import wake

BACKING_OFF = (StepState.WAITING.value, StepState.UNKNOWN.value)
GIVEN_UP = (StepState.FAILED.value, StepState.REJECTED.value)
DECISIONS = (
    HistoryKind.OUTCOME_SETTLED,
    HistoryKind.STEP_SKIPPED,
    HistoryKind.RETRY_ASKED,
    HistoryKind.RETRY_HASTENED,
)
"""Kinds of entries of a history that a person's decision about a step leaves."""


def retry_step(*, saga_id: UUID, step: str, direction: str, by: str, reason: str, now: bool = False) -> Saga:
    """Have a step that was given up tried again, with its attempts counted from zero; closes its incidents.

    The idempotency key stays: nothing was decided about the effect, so the provider must still see one. Only a step
    past the pivot that was settled as absent gets a new generation, and with it a new key: the provider may refuse
    the old one for ever.

    A step that was not given up waits for its next attempt by itself; with `now` that attempt comes at once, and those before it stay
    counted.

    Opens a transaction, or joins the caller's; locks the saga, then the step row.

    Raises:
        SagaNotFound: there is no such saga.
        InvalidDecision: by or reason is empty.
        TransitionRefused: the step was not given up (or with `now` does not wait for an attempt), somebody is at work at it, or the
            saga has ended or goes another way. Nothing has changed.
    """
    check_decision(by, reason)
    with transaction.atomic():
        saga = lock_saga(saga_id)
        row = newest_row(saga, step, direction)
        forward = direction == Direction.FORWARD.value
        anew = row is not None and forward and row.state == StepState.ABSENT.value
        waits = row is not None and row.state in BACKING_OFF and row.task != ""
        if row is not None and now and waits and _goes_this_way(saga, forward=forward):
            return _hasten(saga, row, by=by, reason=reason)
        if row is None or not (row.state in GIVEN_UP or anew):
            if row is not None:
                refuse_at_work(row, "retry it")
            told = (
                "waits for its next attempt; say --now (now=True) to have that at once"
                if waits and not now
                else "was not given up, so there is nothing to retry"
            )
            raise TransitionRefused(f"{step} ({direction}) {told}{earlier_decision(saga, step)}")
        if not _goes_this_way(saga, forward=forward):
            raise TransitionRefused(f"the saga is {saga.state}, so {step} ({direction}) cannot run now")
        if anew:
            row = SagaStep(
                saga=saga, name=step, direction=direction, generation=row.generation + 1, task=row.task
            )
        move_step(saga, row, StepState.PENDING)
        row.sent_at, row.attempts, row.deliveries = None, 0, 0
        row.save()
        note(saga, HistoryKind.RETRY_ASKED, who=by, step=step, direction=direction, reason=reason)
        go_on(saga, step=step, by=by, reason=reason)
        return saga


def _hasten(saga: Saga, row: SagaStep, *, by: str, reason: str) -> Saga:
    """Have the next attempt of a step in back-off come at once. What was counted stays, and so does its incident."""
    refuse_at_work(row, "retry it")
    row.rest(0.0, since=database_now())
    row.save(update_fields=["due_at", "due_after"])
    note(saga, HistoryKind.RETRY_HASTENED, who=by, step=row.name, direction=row.direction, reason=reason)
    saga.wake_at = None if saga.paused else Now()
    saga.save()
    wake(saga)
    return saga


def refuse_at_work(row: SagaStep, what: str) -> None:
    """Refuse a decision about a step that a worker holds.

    Raises:
        TransitionRefused: saying until when.
    """
    if row.lease_until is not None and row.lease_until > database_now():
        raise TransitionRefused(
            f"{row.name} ({row.direction}) is being worked at until {row.lease_until:%H:%M:%S}; {what} after that"
        )


def skip_step(*, saga_id: UUID, step: str, direction: str = "undo", by: str, reason: str) -> Saga:
    """Leave out an undo (or a step after undo) that was given up: what it would have mended stays, and the rest goes on.

    Forward, a step past the pivot may be left out that has begun, that nobody is at work at, and whose result nobody
    takes: then the saga goes on without it. If an attempt may have acted, the history says that it is perhaps done.
    A worker that comes back with its answer later is fenced off.

    Opens a transaction, or joins the caller's; locks the saga, then the step row.

    Raises:
        SagaNotFound: there is no such saga.
        UnknownDefinition: a step that goes forward, of a saga whose definition this process does not know.
        InvalidDecision: by or reason is empty, or what follows a step that goes forward needs it.
        TransitionRefused: the step was not given up, or the saga does not wait for it. Nothing has changed.
    """
    check_decision(by, reason)
    forward = direction == Direction.FORWARD.value
    with transaction.atomic():
        saga = lock_saga(saga_id)
        row = newest_row(saga, step, direction)
        if forward:
            row = _may_be_left_out(saga, step, row)
        elif row is None or row.state not in GIVEN_UP:
            raise TransitionRefused(
                f"{step} ({direction}) was not given up, so there is nothing to skip{earlier_decision(saga, step)}"
            )
        if not _goes_this_way(saga, forward=forward):
            raise TransitionRefused(f"the saga is {saga.state}, so {step} ({direction}) is not awaited")
        perhaps = {"effect": "perhaps done"} if forward and _is_unsure(row) else {}
        note(saga, HistoryKind.STEP_SKIPPED, who=by, step=step, direction=direction, reason=reason, **perhaps)
        move_step(saga, row, StepState.SKIPPED, fence=True)
        row.unsure = False
        row.save()
        go_on(saga, step=step, by=by, reason=reason)
        return saga


def _may_be_left_out(saga: Saga, step: str, row: SagaStep | None) -> SagaStep:
    """Return the row of a step that goes forward, if the saga can do without it.

    Raises:
        InvalidDecision, TransitionRefused: it cannot; the message says why.
    """
    definition = registry.find(saga.definition, saga.version)
    if step not in definition.after_pivot or step not in definition.steps or definition.steps[step].pivot:
        raise InvalidDecision(
            f"{step} goes forward and cannot be left out: only a step past the pivot can; settle it, or cancel the saga"
        )
    if takers := takers_of(definition, step):
        raise InvalidDecision(f"{step} cannot be left out: {', '.join(takers)} takes its result")
    if row is None or row.state in FINISHED:
        state = "has not begun" if row is None else f"is {row.state}"
        raise TransitionRefused(
            f"{step} {state}, so there is nothing to leave out{earlier_decision(saga, step)}"
        )
    if row.lease_until is not None and row.lease_until > database_now():
        raise TransitionRefused(
            f"{step} is being worked at until {row.lease_until:%H:%M:%S}; leave it out after that"
        )
    return row


def _is_unsure(row: SagaStep) -> bool:
    return row.unsure or row.state in (StepState.RUNNING.value, StepState.UNKNOWN.value)


LONGEST_NAME = 100
"""Characters of the name of who decides."""
_DIRECTIONS = tuple(each.value for each in Direction)


def check_decision(by: str, reason: str) -> None:
    """Refuse a decision without a name or a reason, or with one that the history cannot keep.

    Raises:
        InvalidDecision: saying what is missing, or what is wrong with it.
    """
    check_name(by)
    check_reason(reason)
    if not reason.strip():
        raise InvalidDecision("say why; the reason is kept in the history")


def check_name(by: object) -> None:
    """Refuse a decision that says not, or cannot be kept, whose it is.

    Raises:
        InvalidDecision: saying so.
    """
    if not isinstance(by, str):
        raise InvalidDecision(
            f"say who decides in a text, such as request.user.get_username(); by is {shown(by)}"
        )
    if not by.strip():
        raise InvalidDecision("say who decides; it is kept in the history")
    if len(by) > LONGEST_NAME or not is_storable_text(by):
        raise InvalidDecision(f"say who decides in a text of at most {LONGEST_NAME} characters")


def check_reason(reason: object) -> None:
    """Refuse a reason that the history cannot keep; an empty one it can.

    Raises:
        InvalidDecision: saying so.
    """
    if not isinstance(reason, str) or len(reason) > LONGEST_MESSAGE or not is_storable_text(reason):
        raise InvalidDecision(f"say why in a text of at most {LONGEST_MESSAGE} characters")


def newest_row(saga: Saga, step: str, direction: str, *, lock: bool = True) -> SagaStep | None:
    """The newest generation of a saga's step. Locked only after its saga, or two transactions could wait for each other.

    Raises:
        InvalidDecision: its definition has no step of that name, or there is no such direction; the message names those there are.
    """
    _check_text(step)
    if direction not in _DIRECTIONS:
        raise InvalidDecision(f"direction is {shown(direction)}; write {', '.join(_DIRECTIONS)}")
    rows = SagaStep.objects.filter(saga=saga, name=step, direction=direction).order_by("-generation")
    found = (rows.select_for_update() if lock else rows).first()
    if found is None:
        _check_step(saga, step)
    return found


def _check_text(step: str) -> None:
    if not is_name(step):
        raise InvalidDecision(f"say which step by its name, not {shown(step)}")


def _check_step(saga: Saga, step: str) -> None:
    try:
        definition = registry.find(saga.definition, saga.version)
    except UnknownDefinition:
        return  # nobody here can say which steps it has
    if step not in definition.steps and step not in definition.waits:
        raise InvalidDecision(
            f"{definition} has no step {shown(step)}; it has {', '.join([*definition.steps, *definition.waits])}"
        )


def earlier_decision(saga: Saga, step: str) -> str:
    """What a person has already decided about a step, as the end of a refusal; empty when nobody has."""
    kinds = (*DECISIONS, *(kind.late for kind in DECISIONS))
    decisions = SagaEvent.objects.filter(saga=saga, step=step, kind__in=kinds).exclude(who="engine")
    newest = decisions.order_by("-seq").first()
    if newest is None:
        return ""
    what = newest.kind.removeprefix("late_").replace("_", " ")
    return f"; {newest.who} has decided: {what}, because {newest.data.get('reason', 'of no reason given')}"


def go_on(saga: Saga, *, step: str, by: str, reason: str) -> None:
    """Close what a decision has answered and let a locked saga go on; saves it."""
    if saga.state == SagaState.UNDO_FAILED.value:
        move(saga, SagaState.COMPENSATING, HistoryKind.UNDO_RESUMED, who=by, step=step)
    saga.wake_at = None if saga.paused else Now()
    saga.save()
    resolve_incidents(saga, step=step, by=by, resolution=reason)
    wake(saga)


def _goes_this_way(saga: Saga, *, forward: bool) -> bool:
    """Whether a saga waits for a step of this direction. In an ended one only a late effect is still being undone."""
    state = SagaState(saga.state)
    if forward:
        return state in FORWARD_STATES
    return state in (SagaState.COMPENSATING, SagaState.UNDO_FAILED) or (
        state in TERMINAL and state is not SagaState.COMPLETED
    )
