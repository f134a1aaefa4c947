"""The tree a saga definition is made of: immutable nodes, composed with `|` as Celery signatures are.

A node knows nothing of rows or of Celery. Names of steps and waits are unique within a definition, because the name
is the key of the row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from orchestration.core.definition.arguments import shown
from orchestration.core.definition.policy import RetryPolicy
from orchestration.core.definition.references import Message, StepReference
from orchestration.errors import DefinitionError

ANYBODY = "*"
"""Said of a wait that takes its event from every source with a key."""


class OnTimeout(StrEnum):
    """What a wait does when its event did not come in time."""

    GIVE_UP = "give_up"
    """Undo the saga."""
    ESCALATE = "escalate"
    """Open an incident and wait on."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """Stands where an undo would stand, and says why there is none."""

    why: str


class Node:
    """Base of the tree; `a | b` is a sequence."""

    __slots__ = ()

    def __or__(self, other: Node) -> Sequence:
        node(other, "a | b")
        return Sequence((*_parts(self), *_parts(other)))

    def __ror__(self, other: object) -> Sequence:
        node(other, "a | b")
        raise AssertionError("a node has composed itself already")

    def children(self) -> tuple[Node, ...]:
        """Direct children, in the order of the flow."""
        return ()

    def walk(self) -> Iterator[Node]:
        """This node and all below it, in the order of the flow."""
        yield self
        for child in self.children():
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Step(Node):
    """One action, with its compensation beside it."""

    name: str
    reference: StepReference
    undo: StepReference | Nothing | None
    pivot: bool
    milestone: str | None
    retry: RetryPolicy | None
    """None: the default of its place (before the pivot, or from it on)."""
    undo_retry: RetryPolicy
    take: Mapping[str, str]
    """Field of the command -> name of the step (or `input`) whose field of the same name fills it."""


@dataclass(frozen=True, slots=True)
class Wait(Node):
    """Rests until an event comes; holds no worker meanwhile."""

    name: str
    event: str
    gives: type[Message] | None
    within: float
    """Seconds."""
    otherwise: OnTimeout
    milestone: str | None
    source: str | None = None
    """Who may say so; None: the first part of the event's type. Not exported: it changes nothing for sagas that run."""

    @property
    def speaker(self) -> str:
        """The source whose events it takes, or ANYBODY."""
        return self.source or self.event.partition(".")[0]

    def takes_from(self, source: str) -> bool:
        """Whether it takes its event from this source, whose seal has been checked."""
        return self.speaker in (ANYBODY, source)


@dataclass(frozen=True, slots=True)
class Sequence(Node):
    """One after the other."""

    nodes: tuple[Node, ...]

    def children(self) -> tuple[Node, ...]:
        """Direct children, in the order of the flow."""
        return self.nodes


@dataclass(frozen=True, slots=True)
class Parallel(Node):
    """All at once; what follows waits for all of them."""

    branches: tuple[Node, ...]

    def children(self) -> tuple[Node, ...]:
        """Direct children, in the order of the flow."""
        return self.branches


@dataclass(frozen=True, slots=True)
class Choice(Node):
    """Goes the way that the type of an earlier step's result says; a type not listed goes straight on."""

    on: str
    """Name of the deciding step."""
    branches: tuple[tuple[type[Message], Node], ...]

    def children(self) -> tuple[Node, ...]:
        """Direct children, in the order of the flow."""
        return tuple(node for _, node in self.branches)

    def branch_for(self, result_type: str | None) -> Node | None:
        """The branch for a recorded result type; None goes straight on."""
        return next((node for kind, node in self.branches if kind.__name__ == result_type), None)


def node(given: object, where: str) -> None:
    """Refuse what is no part of a flow.

    Raises:
        DefinitionError: saying what to write instead.
    """
    if isinstance(given, Node):
        return
    if isinstance(given, StepReference):
        told = f"is the reference {given}; write step({given.task.partition('.')[2]}, undo=...)"
    elif isinstance(given, list | tuple):
        told = f"is a {type(given).__name__}; write a | b for one after the other, parallel(a, b) for both at once"
    else:
        told = f"is {shown(given)}; write step(...), parallel(...), choice(...), wait_for(...), or several joined with |"
    raise DefinitionError(f"{where}: what stands there {told}")


def _parts(node: Node) -> tuple[Node, ...]:
    return node.nodes if isinstance(node, Sequence) else (node,)
