"""Given this definition, these rows and this moment: what next? One pure function; everything else obeys it.

`plan` returns one answer. Answers that change rows (open a wait, begin undo, finish) are carried out under the saga's
lock and the question is asked again; `Send` and `Rest` end the round.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from orchestration.core.definition.nodes import OnTimeout
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.doubtful import doubtful_choice
from orchestration.core.planning.canvas import Call, compile_canvas
from orchestration.core.planning.decisions import (
    BeginUndo,
    Escalate,
    Finish,
    OpenWait,
    Plan,
    Rest,
    Send,
    Settle,
)
from orchestration.core.planning.frontier import (
    Broken,
    Busy,
    Frontier,
    Measure,
    Ready,
    Resting,
    TimedOut,
    Unopened,
    earliest,
    skips_rest,
)
from orchestration.core.planning.kinds import IncidentKind
from orchestration.core.planning.states import TERMINAL, Direction, SagaState, StepState
from orchestration.core.planning.undoing import plan_late, plan_undo
from orchestration.core.planning.views import SagaView, StepView
from orchestration.errors import UnknownDefinition

RESEND_AFTER = timedelta(seconds=20)
"""How long a sent message may be on its way before it is thought lost."""


def plan(
    definition: SagaDefinition, saga: SagaView, now: datetime, *, resend_after: timedelta = RESEND_AFTER
) -> Plan:
    """Say what is next for one saga. Pure: same arguments, same answer.

    Args:
        definition: the version the saga was started with.
        saga: its rows, read under its lock.
        now: the database's clock.
        resend_after: how long a sent message may be on its way before it is sent again.

    Raises:
        UnknownDefinition: a choice goes by a result that this code does not know.
    """
    if saga.state in TERMINAL:
        return plan_late(definition, saga, now, resend_after)
    if saga.state is SagaState.UNDO_FAILED or saga.paused:
        return Rest(None)
    if saga.state is SagaState.COMPENSATING:
        return plan_undo(definition, saga, now, resend_after)
    return _plan_forward(definition, saga, now, resend_after)


def pivot_has_begun(definition: SagaDefinition, saga: SagaView) -> bool:
    """Whether the point of no return may have been passed: undo is no longer possible.

    A pivot waiting for its retry after a definite failure has not acted, and may still be called off.
    """
    if definition.pivot is None:
        return False
    row = saga.forward(definition.pivot.name)
    return row is not None and (
        row.unsure or row.state in (StepState.RUNNING, StepState.UNKNOWN, StepState.DONE)
    )


def _plan_forward(definition: SagaDefinition, saga: SagaView, now: datetime, resend_after: timedelta) -> Plan:
    measure = Measure(saga, Direction.FORWARD, now, resend_after)
    frontier = measure.frontier(definition.flow)
    if skips_rest(saga):
        return _plan_skipped(frontier, saga)
    if doubt := doubtful_choice(definition, saga, measure):
        if saga.deadline is not None and saga.deadline <= now and not pivot_has_begun(definition, saga):
            return BeginUndo("deadline", None)
        raise UnknownDefinition(f"{definition}: {doubt}")
    if not frontier:
        return Finish(SagaState.COMPLETED)
    for item in frontier:
        if isinstance(item, Broken):
            if _is_unsure_pivot(definition, saga, item.step):
                return _settle_pivot(item.step, saga, now)
            if item.step in definition.after_pivot:
                return Escalate(item.step, IncidentKind.STEP_FAILED)
            return BeginUndo("step_failed", item.step)
    begun = pivot_has_begun(definition, saga)
    if saga.deadline is not None and saga.deadline <= now and not begun:
        return BeginUndo("deadline", None)
    for item in frontier:
        match item:
            case Unopened(wait):
                return OpenWait(wait)
            case TimedOut(wait):
                if wait.otherwise is OnTimeout.GIVE_UP:
                    return BeginUndo("event_timeout", wait.name)
                return Escalate(wait.name, IncidentKind.EVENT_TIMEOUT)
            case _:
                pass
    until = earliest(frontier, None if begun else saga.deadline)
    if any(isinstance(item, Ready) for item in frontier):
        return Send(compile_canvas(definition.flow, saga, Direction.FORWARD, measure), until)
    return Rest(until, waiting=all(isinstance(item, Resting) for item in frontier))


def _plan_skipped(frontier: Frontier, saga: SagaView) -> Plan:
    """The rest is skipped, but a branch that has already acted, or may have, is brought to its end first."""
    acted = [
        item
        for item in frontier
        if isinstance(item, Ready | Busy) and _may_have_acted(saga.forward(item.step))
    ]
    ready = tuple((Call(item.step, Direction.FORWARD),) for item in acted if isinstance(item, Ready))
    until = earliest(tuple(acted), None)
    if ready:
        return Send(ready, until)
    return Rest(until) if acted else Finish(SagaState.COMPLETED)


def _may_have_acted(row: StepView | None) -> bool:
    return row is not None and (row.unsure or row.state in (StepState.RUNNING, StepState.UNKNOWN))


def _is_unsure_pivot(definition: SagaDefinition, saga: SagaView, step: str) -> bool:
    """Whether a step is a pivot that was given up and may have acted all the same."""
    row = saga.forward(step)
    return definition.pivot is not None and definition.pivot.name == step and row is not None and row.unsure


def _settle_pivot(step: str, saga: SagaView, now: datetime) -> Plan:
    """A pivot that may have acted is settled before anything else: if it did, the saga goes forward."""
    row = saga.forward(step)
    later = [m for m in (row.lease_until, row.due_at) if m is not None and m > now] if row is not None else []
    return Rest(max(later)) if later else Settle((step,))
