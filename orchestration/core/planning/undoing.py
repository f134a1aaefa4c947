"""What is next for a saga that is being undone: the barrier, the undo in reverse, what runs after it. Pure."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestration.core.definition.nodes import Node, Nothing, Sequence, Step
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.planning.canvas import compile_canvas
from orchestration.core.planning.decisions import Escalate, Finish, Plan, Rest, Send, Settle, SettleAbsent
from orchestration.core.planning.frontier import Broken, Busy, Frontier, Measure, Ready, earliest, mirrored
from orchestration.core.planning.kinds import IncidentKind
from orchestration.core.planning.states import Direction, SagaState, StepState
from orchestration.core.planning.views import SagaView, StepView


def plan_undo(definition: SagaDefinition, saga: SagaView, now: datetime, resend_after: timedelta) -> Plan:
    """Say what is next while a saga is compensating: settle, undo in reverse, run what follows undo, end."""
    barrier = _in_flight(definition, saga, now)
    if barrier is not None:
        return barrier
    measure = Measure(saga, Direction.UNDO, now, resend_after)
    undo = undo_frontier(definition, saga, measure)
    if undo.stops:
        return _failed_undo(undo.frontier)
    if undo.frontier and undo.root is not None:
        return _send_or_rest(undo.root, undo.frontier, saga, Direction.UNDO, measure)
    if undo.is_stuck:
        return Finish(SagaState.UNDO_FAILED)
    return _plan_after_undo(definition, saga, now, resend_after)


@dataclass(frozen=True, slots=True)
class UndoFrontier:
    """How far an undo has got."""

    root: Node | None
    """What is undone, in the order of undo; None when nothing is to be."""
    frontier: Frontier
    """What stands between now and its end."""
    is_stuck: bool
    """Whether an undo was given up: it is named at the end, and a person decides."""
    stops: bool
    """Whether the others wait for that decision."""


def undo_frontier(
    definition: SagaDefinition, saga: SagaView, measure: Measure, *, only: frozenset[str] | None = None
) -> UndoFrontier:
    """Say how far an undo has got: of the whole flow, or of `only` these steps, whose effect came late."""
    given_up = _broken_undos(saga)

    def root_without(names: AbstractSet[str]) -> Node | None:
        return mirrored(
            definition.flow,
            lambda step: (
                step.name not in names and (only is None or step.name in only) and _needs_undo(step, saga)
            ),
        )

    root = root_without(given_up if only is not None else frozenset())
    frontier = measure.frontier(root) if root is not None else ()
    is_stuck = any(isinstance(item, Broken) for item in frontier)
    stops = is_stuck and definition.undo_policy == "stop"
    if is_stuck and not stops:
        # Go on with the others: what cannot be undone is taken out of the tree, and named at the end.
        root = root_without(given_up)
        frontier = measure.frontier(root) if root is not None else ()
    return UndoFrontier(root, frontier, is_stuck, stops)


def late_steps(saga: SagaView) -> frozenset[str]:
    """Return the names of the steps whose effect turned up after they had been settled as absent, or the saga had ended."""
    return frozenset(name for (name, way), row in saga.steps.items() if way is Direction.FORWARD and row.late)


def is_settled(definition: SagaDefinition, saga: SagaView, only: frozenset[str] | None = None) -> bool:
    """Say whether no forward step (or none of `only` these) may still act or may have acted: what undo waits for."""
    rows = (saga.forward(node.name) for node in definition.flow.walk() if isinstance(node, Step))
    return not any(
        row is not None and (only is None or row.name in only) and _is_unsettled(row) for row in rows
    )


def plan_late(definition: SagaDefinition, saga: SagaView, now: datetime, resend_after: timedelta) -> Plan:
    """Say what is left of a saga that has ended: what took effect afterwards is settled and undone; its state stays."""
    late = late_steps(saga)
    if not late or saga.state is SagaState.COMPLETED:
        return Rest(None)
    barrier = _in_flight(definition, saga, now, only=late)
    if barrier is not None:
        return barrier
    measure = Measure(saga, Direction.UNDO, now, resend_after)
    undo = undo_frontier(definition, saga, measure, only=late)
    if undo.root is None or not undo.frontier:
        return Rest(None)
    return _send_or_rest(undo.root, undo.frontier, saga, Direction.UNDO, measure)


def _plan_after_undo(
    definition: SagaDefinition, saga: SagaView, now: datetime, resend_after: timedelta
) -> Plan:
    if definition.after_undo is not None:
        measure = Measure(saga, Direction.AFTER_UNDO, now, resend_after)
        frontier = measure.frontier(definition.after_undo)
        broken = next((item for item in frontier if isinstance(item, Broken)), None)
        if broken is not None:
            return Escalate(broken.step, IncidentKind.STEP_FAILED)
        if frontier:
            return _send_or_rest(definition.after_undo, frontier, saga, Direction.AFTER_UNDO, measure)
    if saga.cause == "cancel":
        return Finish(SagaState.CANCELLED)
    # Skipped counts: the saga had something to undo, and "failed" would say that nothing was left behind.
    undone = any(
        row.direction is Direction.UNDO and row.state in (StepState.DONE, StepState.SKIPPED)
        for row in saga.steps.values()
    )
    return Finish(SagaState.COMPENSATED if undone else SagaState.FAILED)


def _in_flight(
    definition: SagaDefinition, saga: SagaView, now: datetime, *, only: frozenset[str] | None = None
) -> Plan | None:
    """The barrier before undo: nothing is undone while a forward step (or one of `only` these) may still act."""
    until: datetime | None = None
    absent: list[str] = []
    unsettled: list[str] = []
    for step in (node for node in definition.flow.walk() if isinstance(node, Step)):
        row = saga.forward(step.name)
        if row is None or (only is not None and step.name not in only):
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
    until = earliest(frontier, None)
    return Rest(until) if any(isinstance(item, Busy) for item in frontier) else Finish(SagaState.UNDO_FAILED)


def _send_or_rest(
    root: Node, frontier: Frontier, saga: SagaView, direction: Direction, measure: Measure
) -> Plan:
    until = earliest(frontier, None)
    if any(isinstance(item, Ready) for item in frontier):
        sequence = root if isinstance(root, Sequence) else Sequence((root,))
        return Send(compile_canvas(sequence, saga, direction, measure), until)
    return Rest(until)
