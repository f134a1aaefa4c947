"""A choice that no code of today can make: it goes by a result whose type its step gave once, and does not give any more. Pure.

Left alone it would go straight on, as for a type without a branch: an order that waits for stock would be paid and sent without any.
"""

from __future__ import annotations

from orchestration.core.definition.nodes import Choice, Node, Step, Wait
from orchestration.core.definition.order import ordered_names
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.planning.frontier import Measure
from orchestration.core.planning.states import Direction, StepState
from orchestration.core.planning.views import SagaView


def doubtful_choice(definition: SagaDefinition, saga: SagaView, measure: Measure) -> str:
    """Say which choice that is still to be made, or is being gone through, cannot be; empty if none."""
    for name, known in definition.deciding.items():
        row = saga.forward(name)
        if (
            row is None
            or row.result_type in known
            or row.result_type is None
            or row.state is not StepState.DONE
        ):
            continue
        for node in definition.flow.walk():
            if (
                isinstance(node, Choice)
                and node.on == name
                and not is_behind(definition, saga, measure, node)
            ):
                return f"{name} has given {row.result_type}, which it does not give any more, and a choice goes by it"
    return ""


def is_behind(definition: SagaDefinition, saga: SagaView, measure: Measure, choice: Choice) -> bool:
    """Whether a saga has gone through a choice, whatever its result is called today."""
    begun = {name for name, direction in saga.steps if direction is Direction.FORWARD}
    order, names = ordered_names(definition.flow), names_in(choice)
    if any(all((name, later) in order for name in names) for later in begun):
        return True
    row = saga.forward(choice.on)
    taken = choice.branch_for(row.result_type) if row is not None else None
    return taken is None and any(
        begun.intersection(names_in(branch)) and not measure.frontier(branch) for _, branch in choice.branches
    )


def names_in(node: Node) -> list[str]:
    """Names of the steps and waits of a part of a flow."""
    return [part.name for part in node.walk() if isinstance(part, Step | Wait)]
