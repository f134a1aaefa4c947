"""The shape of what is sent next: a chain of stages, each one step or parallel branches. Pure; Celery comes later.

A canvas never crosses a choice that is not yet decided, nor a wait; it ends with a knock that asks what is next.
It holds at most `LONGEST` steps, because every link of a chain carries all the links after it.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestration.core.definition.nodes import Choice, Node, Parallel, Sequence, Step
from orchestration.core.planning.frontier import Measure, Ready
from orchestration.core.planning.states import Direction
from orchestration.core.planning.views import SagaView

LONGEST = 6
"""Steps per canvas: the first message stays below about 3 kB however long the saga is."""


@dataclass(frozen=True, slots=True)
class Call:
    """One step to be sent."""

    step: str
    direction: Direction
    after: tuple[str, ...] = ()
    """Steps of the same direction that must be finished when it is claimed: a swapped message is refused."""


@dataclass(frozen=True, slots=True)
class Fork:
    """Branches sent as a chord header; each is a chain of calls."""

    branches: tuple[tuple[Call, ...], ...]


Stage = Call | Fork
Canvas = tuple[Stage, ...]


def heads(canvas: Canvas) -> tuple[Call, ...]:
    """The calls that are published at once."""
    first = canvas[0]
    return (first,) if isinstance(first, Call) else tuple(branch[0] for branch in first.branches)


def compile_canvas(root: Node, saga: SagaView, direction: Direction, measure: Measure) -> tuple[Canvas, ...]:
    """What can be sent now to finish `root`: usually one canvas.

    Where branches stand unevenly (one parked, one lost its message) each ready step gets a chain of its own, up to
    the end of its branch: a chord may only be built when all its branches start together.
    """
    return tuple(_Compiler(saga, direction, measure).start(root))


class _Compiler:
    def __init__(self, saga: SagaView, direction: Direction, measure: Measure) -> None:
        self._saga, self._direction, self._measure = saga, direction, measure

    def start(self, node: Node) -> list[Canvas]:
        match node:
            case Sequence():
                for position, part in enumerate(node.nodes):
                    if self._measure.frontier(part):
                        rest = node.nodes[position + 1 :]
                        started = self.start(part)
                        if len(started) == 1 and self._is_whole(part):
                            return [self._extend(list(started[0]), rest)]
                        return started
                return []
            case Parallel():
                if self._is_untouched(node) and (fork := self._fork(node)) is not None:
                    return [(fork,)]
                return [canvas for branch in node.branches for canvas in self.start(branch)]
            case Choice():
                branch = self._measure.chosen(node)
                return self.start(branch) if branch is not None else []
            case Step():
                items = self._measure.frontier(node)
                return [(Call(node.name, self._direction),)] if items and isinstance(items[0], Ready) else []
            case _:
                return []

    def _is_whole(self, part: Node) -> bool:
        """Whether the canvas for `part` finishes it, so that what follows may be appended."""
        return isinstance(part, Step) or (
            isinstance(part, Parallel) and self._is_untouched(part) and self._fork(part) is not None
        )

    def _is_untouched(self, node: Parallel) -> bool:
        """Whether no branch has started: only then may they all be sent as one chord."""
        for step in (part for part in node.walk() if isinstance(part, Step)):
            row = self._saga.step(step.name, self._direction)
            if row is not None and (
                row.is_finished or not isinstance(self._measure.item(step.name, row), Ready)
            ):
                return False
        return True

    def _fork(self, node: Parallel, after: tuple[str, ...] = ()) -> Fork | None:
        """The branches as chains, or None when one of them forks, chooses or waits itself."""
        branches: list[tuple[Call, ...]] = []
        for branch in node.branches:
            parts = branch.nodes if isinstance(branch, Sequence) else (branch,)
            calls: list[Call] = []
            for part in parts:
                if not isinstance(part, Step):
                    return None
                calls.append(Call(part.name, self._direction, after=(calls[-1].step,) if calls else after))
            branches.append(tuple(calls))
        return Fork(tuple(branches))

    def _extend(self, canvas: list[Stage], rest: tuple[Node, ...]) -> Canvas:
        for part in rest:
            stage: Stage | None = None
            if isinstance(part, Step) and self._saga.step(part.name, self._direction) is None:
                stage = Call(part.name, self._direction, after=_last(canvas[-1]))
            elif isinstance(part, Parallel) and not any(isinstance(known, Fork) for known in canvas):
                # One fork per canvas: between two groups Celery loses the error callback.
                stage = self._fork(part, _last(canvas[-1])) if self._is_untouched(part) else None
            if stage is None or sum(map(_size, (*canvas, stage))) > LONGEST:
                break
            canvas.append(stage)
        return tuple(canvas)


def _size(stage: Stage) -> int:
    return 1 if isinstance(stage, Call) else sum(map(len, stage.branches))


def _last(stage: Stage) -> tuple[str, ...]:
    return (stage.step,) if isinstance(stage, Call) else tuple(branch[-1].step for branch in stage.branches)
