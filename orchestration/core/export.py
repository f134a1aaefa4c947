"""A definition as JSON: what viewers draw, what the fingerprint covers. Stable: keys are only ever added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestration.core.nodes import Choice, Node, Nothing, Parallel, Sequence, Step, Wait
from orchestration.core.policy import RetryPolicy
from orchestration.core.references import StepReference

if TYPE_CHECKING:
    from orchestration.core.definition import SagaDefinition


def export_definition(definition: SagaDefinition) -> dict[str, Any]:
    """The whole definition as one JSON object, with the schema of its input."""
    return {
        "name": definition.name,
        "version": definition.version,
        "input": definition.input.model_json_schema(),
        "deadline_seconds": definition.deadline,
        "undo_policy": definition.undo_policy,
        "flow": _node(definition.flow),
        "after_undo": _node(definition.after_undo) if definition.after_undo is not None else None,
    }


def _node(node: Node) -> dict[str, Any]:
    match node:
        case Step():
            return {
                "node": "step",
                "name": node.name,
                "action": _reference(node.reference),
                "undo": _reference(node.undo) if isinstance(node.undo, StepReference) else None,
                "no_undo_because": node.undo.why if isinstance(node.undo, Nothing) else None,
                "pivot": node.pivot,
                "milestone": node.milestone,
                "retry": _policy(node.retry),
                "undo_retry": _policy(node.undo_retry),
                "take": dict(node.take),
            }
        case Wait():
            return {
                "node": "wait",
                "name": node.name,
                "event": node.event,
                "within_seconds": node.within,
                "otherwise": node.otherwise.value,
                "gives": node.gives.__name__ if node.gives else None,
                "milestone": node.milestone,
            }
        case Sequence():
            return {"node": "sequence", "nodes": [_node(part) for part in node.nodes]}
        case Parallel():
            return {"node": "parallel", "branches": [_node(part) for part in node.branches]}
        case Choice():
            branches = {kind.__name__: _node(part) for kind, part in node.branches}
            return {"node": "choice", "on": node.on, "branches": branches}
        case _:
            raise TypeError(f"unknown node {node!r}")


def _reference(reference: StepReference) -> dict[str, Any]:
    return {
        "task": reference.task,
        "queue": reference.queue,
        "kind": reference.kind,
        "takes": reference.takes.__name__,
        "gives": [kind.__name__ for kind in reference.gives],
        "timeout_seconds": reference.timeout,
    }


def _policy(policy: RetryPolicy | None) -> dict[str, Any] | None:
    if policy is None:
        return None
    return {
        "attempts": policy.attempts,
        "first": policy.first,
        "factor": policy.factor,
        "longest": policy.longest,
    }
