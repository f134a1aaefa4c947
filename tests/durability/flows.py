"""Random saga definitions: steps, parallels, a choice, waits, a pivot, steps after undo, and either undo policy."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

from hypothesis import strategies as st

from orchestration.core.definition.nodes import (
    Choice,
    Node,
    Nothing,
    OnTimeout,
    Parallel,
    Sequence,
    Step,
    Wait,
)
from orchestration.core.definition.policy import UNDO
from orchestration.core.definition.references import Message, StepReference, external, local
from orchestration.core.definition.saga_definition import SagaDefinition, UndoPolicy


class Start(Message):
    """What every random saga is started with."""


class Left(Message):
    """One result of a step that a choice looks at."""


class Right(Message):
    """The other."""


@dataclass(frozen=True)
class Flow:
    """A tree and the policy with it; `definition` registers nothing."""

    root: Sequence
    undo_policy: UndoPolicy
    after_undo: Node | None

    def definition(self) -> SagaDefinition:
        """The saga definition of this flow."""
        return SagaDefinition(
            name="random.flow",
            version=1,
            input=Start,
            flow=self.root,
            after_undo=self.after_undo,
            deadline=None,
            undo_policy=self.undo_policy,
        )

    def undoable(self) -> set[str]:
        """Names of the steps that have an undo."""
        return {
            node.name
            for node in self.root.walk()
            if isinstance(node, Step) and node.undo is not None and not isinstance(node.undo, Nothing)
        }

    def pivot(self) -> str | None:
        """The point of no return."""
        return next((node.name for node in self.root.walk() if isinstance(node, Step) and node.pivot), None)

    def in_order(self) -> list[tuple[str, str]]:
        """Pairs of steps of which the second may start only when the first is finished."""
        return list(_pairs(self.root))


def _pairs(node: Node) -> list[tuple[str, str]]:
    found = [pair for child in node.children() for pair in _pairs(child)]
    if isinstance(node, Sequence):
        for first, second in combinations(node.nodes, 2):
            # A branch of a choice may not be taken, so nothing waits for it by name.
            found += [(a, b) for a in _certain(first) for b in _steps(second)]
    return found


def _steps(node: Node) -> list[str]:
    return [each.name for each in node.walk() if isinstance(each, Step)]


def _certain(node: Node) -> list[str]:
    if isinstance(node, Step):
        return [node.name]
    if isinstance(node, Sequence | Parallel):
        return [name for child in node.children() for name in _certain(child)]
    return []


class _Namer:
    def __init__(self) -> None:
        self.count = 0

    def next(self) -> str:
        self.count += 1
        return f"s{self.count}"


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    """A valid flow of one to about twelve steps."""
    names = _Namer()
    before = [_node(draw, names, depth=2) for _ in range(draw(st.integers(1, 3)))]
    after: list[Node] = []
    if draw(st.booleans()):
        after.append(_step(draw, names, pivot=True))
        after += [_plain(draw, names) for _ in range(draw(st.integers(0, 2)))]
    closing = _plain(draw, names) if draw(st.booleans()) else None
    flat = [
        part for node in (*before, *after) for part in (node.nodes if isinstance(node, Sequence) else (node,))
    ]
    policy: UndoPolicy = draw(st.sampled_from(["go_on", "stop"]))
    return Flow(Sequence(tuple(flat)), policy, closing)


def _node(draw: st.DrawFn, names: _Namer, depth: int) -> Node:
    kind = (
        draw(st.sampled_from(["step", "step", "parallel", "choice", "wait", "sequence"])) if depth else "step"
    )
    match kind:
        case "parallel":
            return Parallel(tuple(_node(draw, names, depth - 1) for _ in range(draw(st.integers(2, 3)))))
        case "sequence":
            return Sequence(tuple(_node(draw, names, depth - 1) for _ in range(2)))
        case "choice":
            decides = _step(draw, names)
            branches = ((Left, _node(draw, names, depth - 1)),)
            return Sequence((decides, Choice(decides.name, branches)))
        case "wait":
            name = names.next()
            otherwise = draw(st.sampled_from(list(OnTimeout)))
            return Wait(f"wait.{name}", f"wait.{name}", None, 100.0, otherwise, None)
        case _:
            return _step(draw, names)


def _step(draw: st.DrawFn, names: _Namer, *, pivot: bool = False) -> Step:
    name = names.next()
    kind = draw(st.sampled_from([local, external]))
    undo: StepReference | Nothing | None = None
    if not pivot:
        kinds: list[StepReference | Nothing] = [local(f"x.undo_{name}", takes=Start), Nothing("none needed")]
        undo = draw(st.sampled_from(kinds))
    return Step(name, kind(f"x.{name}", takes=Start, gives=Left | Right), undo, pivot, None, None, UNDO, {})


def _plain(draw: st.DrawFn, names: _Namer) -> Step:
    name = names.next()
    kind = draw(st.sampled_from([local, external]))
    return Step(name, kind(f"x.{name}", takes=Start), None, False, None, None, UNDO, {})
