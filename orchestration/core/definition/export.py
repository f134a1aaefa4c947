"""The nodes of a definition as JSON: what viewers draw, what the fingerprint covers. Stable: keys are only ever added."""

from __future__ import annotations

from typing import Any

from orchestration.core.definition.nodes import Choice, Node, Nothing, Parallel, Sequence, Step, Wait
from orchestration.core.definition.policy import RetryPolicy
from orchestration.core.definition.references import StepReference


def export_node(node: Node) -> dict[str, Any]:
    """One node and all below it, as a JSON object."""
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
            return {"node": "sequence", "nodes": [export_node(part) for part in node.nodes]}
        case Parallel():
            return {"node": "parallel", "branches": [export_node(part) for part in node.branches]}
        case Choice():
            branches = {kind.__name__: export_node(part) for kind, part in node.branches}
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
