"""A saga definition: a name, a version, a tree of nodes. Immutable; the fingerprint says whether two are the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from orchestration.core.definition.export import export_node
from orchestration.core.definition.fingerprint import fingerprint_of, shape, shapes
from orchestration.core.definition.nodes import Choice, Node, Nothing, Step, Wait
from orchestration.core.definition.policy import AFTER_PIVOT, FORWARD, RetryPolicy
from orchestration.core.definition.references import Message, StepReference

UndoPolicy = Literal["go_on", "stop"]


@dataclass(frozen=True, kw_only=True)
class SagaDefinition:
    """One version of one flow."""

    name: str
    version: int
    input: type[Message]
    flow: Node
    after_undo: Node | None
    deadline: float | None
    """Seconds from the start after which the saga is undone, unless its pivot has begun."""
    undo_policy: UndoPolicy
    """Whether the other undos go on when one of them fails for good."""
    run_ahead: float | None = None
    """Seconds for which a worker goes on by itself; None: as the setting says. How it is carried is no part of what it is, so the
    fingerprint does not know it."""

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"

    @cached_property
    def steps(self) -> dict[str, Step]:
        """Steps of the flow and of `after_undo` by name, in the order of the flow."""
        return {node.name: node for node in self.walk() if isinstance(node, Step)}

    @cached_property
    def waits(self) -> dict[str, Wait]:
        """Waits by name."""
        return {node.name: node for node in self.walk() if isinstance(node, Wait)}

    @cached_property
    def references(self) -> tuple[StepReference, ...]:
        """What performs its steps and undoes them, a step's undo behind the step."""
        both = ((step.reference, step.undo) for step in self.steps.values())
        return tuple(each for pair in both for each in pair if isinstance(each, StepReference))

    @cached_property
    def deciding(self) -> dict[str, frozenset[str]]:
        """Names of the steps and waits that a choice goes by, each with the types of result that it gives."""
        found: dict[str, frozenset[str]] = {}
        for node in self.flow.walk():
            if isinstance(node, Choice):
                step, wait = self.steps.get(node.on), self.waits.get(node.on)
                gives = step.reference.gives if step else (wait.gives,) if wait and wait.gives else ()
                found[node.on] = frozenset(kind.__name__ for kind in gives)
        return found

    @cached_property
    def pivot(self) -> Step | None:
        """The point of no return, if the flow has one."""
        return next((node for node in self.flow.walk() if isinstance(node, Step) and node.pivot), None)

    @cached_property
    def after_pivot(self) -> frozenset[str]:
        """Names of the steps and waits that come after the pivot."""
        named = [node for node in self.flow.walk() if isinstance(node, Step | Wait)]
        position = next(
            (i for i, node in enumerate(named) if isinstance(node, Step) and node.pivot), len(named)
        )
        return frozenset(node.name for node in named[position + 1 :])

    @cached_property
    def closing(self) -> frozenset[str]:
        """Names of the steps that run after undo."""
        return (
            frozenset(n.name for n in self.after_undo.walk() if isinstance(n, Step))
            if self.after_undo
            else frozenset()
        )

    def walk(self) -> Iterator[Node]:
        """All nodes, the flow first."""
        yield from self.flow.walk()
        if self.after_undo is not None:
            yield from self.after_undo.walk()

    def reference(self, step: str, direction: str) -> StepReference:
        """The reference that carries out a step in a direction.

        Raises:
            LookupError: the step does not exist or has nothing to do in that direction.
        """
        node = self.steps[step]
        if direction != "undo":
            return node.reference
        if node.undo is None or isinstance(node.undo, Nothing):
            raise LookupError(f"step {step} of {self} has no undo")
        return node.undo

    def waits_for(self, event: str) -> list[Wait]:
        """Its waits for events of this type."""
        return [wait for wait in self.waits.values() if wait.event == event]

    def retry_policy(self, step: str, direction: str) -> RetryPolicy:
        """How often a step is tried in a direction."""
        node = self.steps[step]
        if direction == "undo":
            return node.undo_retry
        if node.retry is not None:
            return node.retry
        must_go_on = step in self.after_pivot or step in self.closing
        return AFTER_PIVOT if must_go_on else FORWARD

    def export(self) -> dict[str, Any]:
        """The definition as JSON: for viewers, documents and the fingerprint."""
        return {
            "name": self.name,
            "version": self.version,
            "input": self.input.model_json_schema(),
            "deadline_seconds": self.deadline,
            "undo_policy": self.undo_policy,
            "flow": export_node(self.flow),
            "after_undo": export_node(self.after_undo) if self.after_undo is not None else None,
        }

    @cached_property
    def fingerprint(self) -> str:
        """Changes with the flow, and with the shape of a message that goes through it; not with words for people."""
        nodes = [node for node in self.walk() if isinstance(node, Step | Wait)]
        return fingerprint_of({**self.export(), "input": shape(self.input)}, shapes(nodes))
