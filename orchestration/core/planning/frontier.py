"""How far a tree has got: for each node, finished or what stands in the way. Pure.

The same walk serves the flow, the steps after undo, and (over the mirrored tree) the undo itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestration.core.definition.nodes import Choice, Node, OnTimeout, Parallel, Sequence, Step, Wait
from orchestration.core.planning.states import Direction, StepState
from orchestration.core.planning.views import SagaView, StepView


@dataclass(frozen=True, slots=True)
class Ready:
    """A step that may be claimed now."""

    step: str


@dataclass(frozen=True, slots=True)
class Busy:
    """A step that somebody works at, or that waits for its time; look again at `until`."""

    step: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Unopened:
    """A wait that the flow has reached and that has no row yet."""

    wait: Wait


@dataclass(frozen=True, slots=True)
class Resting:
    """A wait for an event, until its deadline."""

    wait: Wait
    until: datetime | None


@dataclass(frozen=True, slots=True)
class TimedOut:
    """A wait whose deadline has passed."""

    wait: Wait


@dataclass(frozen=True, slots=True)
class Broken:
    """A step that was rejected or has failed."""

    step: str


Item = Ready | Busy | Unopened | Resting | TimedOut | Broken
Frontier = tuple[Item, ...]
"""What stands between now and the end of a node; empty when the node is finished."""


class Measure:
    """Walks a tree against the rows of one saga in one direction."""

    def __init__(self, saga: SagaView, direction: Direction, now: datetime, resend_after: timedelta) -> None:
        self._saga = saga
        self._direction = direction
        self._now = now
        self._resend_after = resend_after

    def frontier(self, node: Node) -> Frontier:
        """What stands in the way of `node` being finished."""
        match node:
            case Sequence():
                return next((found for part in node.nodes if (found := self.frontier(part))), ())
            case Parallel():
                return tuple(item for branch in node.branches for item in self.frontier(branch))
            case Choice():
                branch = self.chosen(node)
                return self.frontier(branch) if branch is not None else ()
            case Wait():
                return self._wait(node)
            case Step():
                row = self._saga.step(node.name, self._direction)
                return () if row is not None and row.is_finished else (self.item(node.name, row),)
            case _:
                raise TypeError(f"unknown node {node!r}")

    def chosen(self, node: Choice) -> Node | None:
        """The branch that the deciding step's recorded result selects."""
        row = self._saga.forward(node.on)
        return node.branch_for(row.result_type) if row is not None else None

    def item(self, name: str, row: StepView | None) -> Item:
        """Where an unfinished step stands: the table of `docs/architecture.md`, row for row."""
        if (awaited := self._saga.awaited.get((name, self._direction))) is not None:
            return Busy(name, awaited)
        if row is None:
            return Ready(name)
        match row.state:
            case StepState.PENDING:
                # A message is on its way: a second one would only be refused, so look again later.
                again = row.sent_at + self._resend_after if row.sent_at else None
                return self._unless_later(name, again)
            case StepState.WAITING | StepState.UNKNOWN:
                return self._unless_later(name, row.due_at)
            case StepState.RUNNING:
                return self._unless_later(name, row.lease_until)
            case StepState.REJECTED | StepState.FAILED | StepState.ABSENT:
                return Broken(name)
            case _:
                raise AssertionError(f"step {name} is finished: {row.state}")

    def _unless_later(self, name: str, moment: datetime | None) -> Item:
        return Busy(name, moment) if moment is not None and moment > self._now else Ready(name)

    def _wait(self, node: Wait) -> Frontier:
        row = self._saga.forward(node.name)
        if row is None:
            return (Unopened(node),)
        if row.is_finished:
            return ()
        overdue = row.due_at is not None and row.due_at <= self._now
        if overdue and not (node.otherwise is OnTimeout.ESCALATE and row.unsure):
            # `unsure` on a wait: the incident is already open, so it only rests on.
            return (TimedOut(node),)
        return (Resting(node, None if overdue else row.due_at),)


def skips_rest(saga: SagaView) -> bool:
    """Whether a step has ended the saga early, as a success."""
    return any(row.skip_rest for row in saga.steps.values())


def mirrored(node: Node, keep: Callable[[Step], bool]) -> Node | None:
    """The tree in reverse, with only the steps `keep` wants: the order of undo. None when nothing is left.

    What ran one after the other is undone in reverse; what ran in parallel is undone in parallel.
    """
    match node:
        case Step():
            return node if keep(node) else None
        case Wait():
            return None
        case Parallel():
            kept = tuple(part for branch in node.branches if (part := mirrored(branch, keep)) is not None)
            return Parallel(kept) if len(kept) > 1 else next(iter(kept), None)
        case _:
            # A choice: only the branch that was taken has rows, so the others mirror to nothing.
            parts = tuple(
                p for child in reversed(node.children()) if (p := mirrored(child, keep)) is not None
            )
            return Sequence(parts) if len(parts) > 1 else next(iter(parts), None)


def earliest(frontier: Frontier, deadline: datetime | None) -> datetime | None:
    """The first moment at which something of a frontier, or the deadline, is due."""
    moments = [item.until for item in frontier if isinstance(item, Busy | Resting) and item.until is not None]
    if deadline is not None:
        moments.append(deadline)
    return min(moments, default=None)
