"""Which commands of an open saga this code could not build from the results that are stored. Reads nothing but what it is given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from orchestration.core.definition.binding import build_command, has_undo, possible_fields, producers_before
from orchestration.core.definition.nodes import Choice, Node, Step
from orchestration.core.definition.references import Message
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.planning.states import (
    FINISHED,
    FORWARD_STATES,
    TERMINAL,
    Direction,
    SagaState,
    StepState,
)
from orchestration.models import Saga, SagaStep

Rows = Mapping[tuple[str, Direction], SagaStep]


def unbuildable(saga: Saga, definition: SagaDefinition, rows: Rows) -> Iterator[str]:
    """Name each step and undo that may still come, and whose command cannot be built: what is missing will not come either."""
    look = _Look(saga, definition, rows)
    state = SagaState(saga.state)
    forward = state in FORWARD_STATES
    may_undo = not (forward and definition.pivot is not None and look.is_done(definition.pivot.name))
    out_of_reach = look.out_of_reach(definition.flow)
    for step in definition.steps.values():
        closing = step.name in definition.closing
        comes = forward if not closing else may_undo and state not in TERMINAL
        direction = Direction.AFTER_UNDO if closing else Direction.FORWARD
        if (comes and step.name not in out_of_reach and not look.is_finished(step.name, direction)) or (
            not closing and look.is_unsure(step.name)
        ):
            yield from look.command(step, step.reference.takes, f"the command of {step.name}")
        to_undo = look.is_done(step.name) and not look.is_finished(step.name, Direction.UNDO)
        if has_undo(step) and may_undo and to_undo:
            takes = definition.reference(step.name, "undo").takes
            yield from look.command(step, takes, f"the undo of {step.name}")


class _Look:
    def __init__(self, saga: Saga, definition: SagaDefinition, rows: Rows) -> None:
        self.saga, self.definition, self.rows = saga, definition, rows
        self.results: dict[str, Any] = {
            name: row.result
            for (name, way), row in rows.items()
            if way is Direction.FORWARD and row.state == StepState.DONE.value and row.result is not None
        }

    def is_finished(self, name: str, direction: Direction) -> bool:
        row = self.rows.get((name, direction))
        return row is not None and StepState(row.state) in FINISHED

    def is_done(self, name: str) -> bool:
        row = self.rows.get((name, Direction.FORWARD))
        return row is not None and row.state == StepState.DONE.value

    def is_unsure(self, name: str) -> bool:
        row = self.rows.get((name, Direction.FORWARD))
        return row is not None and (row.unsure or row.state == StepState.UNKNOWN.value)

    def out_of_reach(self, flow: Node) -> set[str]:
        """Steps in a branch that is not taken: the deciding step is done, and its result has gone another way."""
        found: set[str] = set()
        for node in flow.walk():
            if not isinstance(node, Choice) or not self.is_done(node.on):
                continue
            taken = node.branch_for(self.rows[node.on, Direction.FORWARD].result_type)
            for _, branch in node.branches:
                if branch is not taken:
                    found |= {part.name for part in branch.walk() if isinstance(part, Step)}
        return found

    def command(self, step: Step, takes: type[Message], what: str) -> Iterator[str]:
        try:
            build_command(self.definition, step, takes, self.saga.input, self.results)
        except ValidationError as error:
            names = [
                ".".join(map(str, each["loc"])) or each["msg"]
                for each in error.errors()
                if not (each["type"] == "missing" and self._may_still_come(step, takes, str(each["loc"][0])))
            ]
            if names:
                yield f"{what} cannot be built from what is stored: {', '.join(names)}"

    def _may_still_come(self, step: Step, takes: type[Message], field: str) -> bool:
        """Whether a step or wait before it, that is not finished, may give the field."""
        field = next((name for name, info in takes.model_fields.items() if info.alias == field), field)
        chosen = step.take.get(field)
        before = [chosen] if chosen is not None else producers_before(self.definition, step.name)
        return any(
            not self.is_finished(name, Direction.FORWARD) and field in possible_fields(self.definition, name)
            for name in before
            if name in self.definition.steps or name in self.definition.waits
        )
