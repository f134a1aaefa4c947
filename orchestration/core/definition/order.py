"""Which steps and waits of a flow must come one after the other. Pure."""

from __future__ import annotations

from itertools import combinations

from orchestration.core.definition.nodes import Choice, Node, Parallel, Sequence, Step, Wait


def ordered_names(node: Node) -> set[tuple[str, str]]:
    """Pairs (earlier, later) of names whose order the flow demands; branches beside each other demand none."""
    found: set[tuple[str, str]] = set()
    if isinstance(node, Sequence):
        for before, after in combinations(node.nodes, 2):
            found |= {(earlier, later) for earlier in _names(before) for later in _names(after)}
    if isinstance(node, Sequence | Parallel | Choice):
        for part in node.children():
            found |= ordered_names(part)
    return found


def _names(node: Node) -> list[str]:
    return [part.name for part in node.walk() if isinstance(part, Step | Wait)]
