"""Given this definition, these rows and this moment: what next? One pure function; everything else obeys it.

`plan` returns one answer. Answers that change rows (open a wait, begin undo, finish) are carried out under the saga's
lock and the question is asked again; `Send` and `Rest` end the round.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestration.core.canvas import Call, Canvas, compile_canvas
from orchestration.core.definition import SagaDefinition
from orchestration.core.frontier import (
    Broken,
    Busy,
    Frontier,
    Measure,
    Ready,
    Resting,
    TimedOut,
    Unopened,
    mirrored,
    skips_rest,
)
from orchestration.core.nodes import Node, Nothing, OnTimeout, Sequence, Step, Wait
from orchestration.core.states import TERMINAL, Direction, SagaState, StepState
from orchestration.core.views import SagaView, StepView

RESEND_AFTER = timedelta(seconds=20)
"""How long a sent message may be on its way before it is thought lost."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send these; look again at `until` in case something else is due before they knock."""

    canvases: tuple[Canvas, ...]
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Settle:
    """Find out what became of these steps' unknown outcomes; undo waits for it."""

    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do until a message, an event, or `until`."""

    until: datetime | None
    waiting: bool = False
    """Whether it rests in a wait for an event, and nothing else is under way."""


@dataclass(frozen=True, slots=True)
class OpenWait:
    """The flow has reached this wait."""

    wait: Wait


@dataclass(frozen=True, slots=True)
class BeginUndo:
    """Turn round. `kind` says why; `step` where."""

    kind: str
    step: str | None


@dataclass(frozen=True, slots=True)
class SettleAbsent:
    """Local steps whose worker is gone: their transaction never committed, so nothing has happened."""

    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Escalate:
    """Only a person can help; `step` names where. The saga keeps its state and rests."""

    step: str
    kind: str


@dataclass(frozen=True, slots=True)
class Finish:
    """End in this state."""

    state: SagaState


Plan = Send | Settle | Rest | OpenWait | BeginUndo | SettleAbsent | Escalate | Finish


def plan(
    definition: SagaDefinition, saga: SagaView, now: datetime, *, resend_after: timedelta = RESEND_AFTER
) -> Plan:
    """Say what is next for one saga. Pure: same arguments, same answer.

    Args:
        definition: the version the saga was started with.
        saga: its rows, read under its lock.
        now: the database's clock.
        resend_after: how long a sent message may be on its way before it is sent again.
    """
    if saga.state in TERMINAL or saga.state is SagaState.UNDO_FAILED or saga.paused:
        return Rest(None)
    if saga.state is SagaState.COMPENSATING:
        return _plan_undo(definition, saga, now, resend_after)
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
    if not frontier:
        return Finish(SagaState.COMPLETED)
    for item in frontier:
        if isinstance(item, Broken):
            if _is_unsure_pivot(definition, saga, item.step):
                return _settle_pivot(item.step, saga, now)
            if item.step in definition.after_pivot:
                return Escalate(item.step, "step_failed")
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
                return Escalate(wait.name, "event_timeout")
            case _:
                pass
    until = _earliest(frontier, None if begun else saga.deadline)
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
    until = _earliest(tuple(acted), None)
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


def _plan_undo(definition: SagaDefinition, saga: SagaView, now: datetime, resend_after: timedelta) -> Plan:
    barrier = _in_flight(definition, saga, now)
    if barrier is not None:
        return barrier
    undone = Measure(saga, Direction.UNDO, now, resend_after)
    backward = mirrored(definition.flow, lambda step: _needs_undo(step, saga))
    stuck = False
    if backward is not None:
        frontier = undone.frontier(backward)
        broken = [item for item in frontier if isinstance(item, Broken)]
        stuck = bool(broken)
        if broken and definition.undo_policy == "stop":
            return _failed_undo(frontier)
        if broken:
            # Go on with the others: what cannot be undone is taken out of the tree, and named at the end.
            names = _broken_undos(saga)
            backward = mirrored(
                definition.flow, lambda step: _needs_undo(step, saga) and step.name not in names
            )
            frontier = undone.frontier(backward) if backward is not None else ()
        if frontier and backward is not None:
            return _send_or_rest(backward, frontier, saga, Direction.UNDO, undone)
    if stuck:
        return Finish(SagaState.UNDO_FAILED)
    return _plan_after_undo(definition, saga, now, resend_after)


def _plan_after_undo(
    definition: SagaDefinition, saga: SagaView, now: datetime, resend_after: timedelta
) -> Plan:
    if definition.after_undo is not None:
        measure = Measure(saga, Direction.AFTER_UNDO, now, resend_after)
        frontier = measure.frontier(definition.after_undo)
        broken = next((item for item in frontier if isinstance(item, Broken)), None)
        if broken is not None:
            return Escalate(broken.step, "step_failed")
        if frontier:
            return _send_or_rest(definition.after_undo, frontier, saga, Direction.AFTER_UNDO, measure)
    if saga.cause == "cancel":
        return Finish(SagaState.CANCELLED)
    undone = any(
        row.direction is Direction.UNDO and row.state is StepState.DONE for row in saga.steps.values()
    )
    return Finish(SagaState.COMPENSATED if undone else SagaState.FAILED)


def _in_flight(definition: SagaDefinition, saga: SagaView, now: datetime) -> Plan | None:
    """The barrier before undo: nothing is undone while a forward step may still act."""
    until: datetime | None = None
    absent: list[str] = []
    unsettled: list[str] = []
    for step in (node for node in definition.flow.walk() if isinstance(node, Step)):
        row = saga.forward(step.name)
        if row is None:
            continue
        if (
            row.lease_until is not None
            and row.lease_until > now
            and row.state in (StepState.RUNNING, StepState.UNKNOWN, StepState.FAILED)
        ):
            until = min(until or row.lease_until, row.lease_until)
        elif _is_unsettled(row):
            if not row.external:
                absent.append(step.name)
            elif row.due_at is not None and row.due_at > now:
                until = min(until or row.due_at, row.due_at)
            else:
                unsettled.append(step.name)
    if absent:
        return SettleAbsent(tuple(absent))
    if unsettled:
        return Settle(tuple(unsettled))
    return Rest(until) if until is not None else None


def _is_unsettled(row: StepView) -> bool:
    if row.state in (StepState.RUNNING, StepState.UNKNOWN):
        return True
    return row.unsure and row.state in (StepState.WAITING, StepState.FAILED, StepState.PENDING)


def _needs_undo(step: Step, saga: SagaView) -> bool:
    if step.undo is None or isinstance(step.undo, Nothing) or step.pivot:
        return False
    row = saga.forward(step.name)
    return row is not None and row.state is StepState.DONE


def _broken_undos(saga: SagaView) -> set[str]:
    gone = (StepState.FAILED, StepState.REJECTED)
    return {row.name for row in saga.steps.values() if row.direction is Direction.UNDO and row.state in gone}


def _failed_undo(frontier: Frontier) -> Plan:
    """Under the `stop` policy: wait for undos still at work beside the broken one, then stop."""
    until = _earliest(frontier, None)
    return Rest(until) if any(isinstance(item, Busy) for item in frontier) else Finish(SagaState.UNDO_FAILED)


def _send_or_rest(
    root: Node, frontier: Frontier, saga: SagaView, direction: Direction, measure: Measure
) -> Plan:
    until = _earliest(frontier, None)
    if any(isinstance(item, Ready) for item in frontier):
        sequence = root if isinstance(root, Sequence) else Sequence((root,))
        return Send(compile_canvas(sequence, saga, direction, measure), until)
    return Rest(until)


def _earliest(frontier: Frontier, deadline: datetime | None) -> datetime | None:
    moments = [item.until for item in frontier if isinstance(item, Busy | Resting) and item.until is not None]
    if deadline is not None:
        moments.append(deadline)
    return min(moments, default=None)
