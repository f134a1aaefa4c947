"""A saga definition as a Mermaid flowchart, for documents that draw it themselves (GitHub, most wikis)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from orchestration.core.definition.nodes import Choice, Node, Parallel, Sequence, Step, Wait
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.drawing import words
from orchestration.drawing.style import LIGHT, colours_of

_SPECIAL = re.compile(r"[^\w .,:+\-/()]")
_NO_STATES: Mapping[str, str] = {}

Exits = list[tuple[str, str]]
"""Where a part of the flow is left: node id and label of the arrow that goes on."""


def mermaid(definition: SagaDefinition, states: Mapping[str, str] | None = None) -> str:
    """Draw a definition as a Mermaid flowchart.

    Args:
        definition: what to draw.
        states: state by name of step or wait, and by `<step>:undo` for its undo; these are coloured.

    Returns:
        The flowchart's text, ending with a newline. Every label is quoted and escaped.
    """
    return "\n".join(_Chart(states or _NO_STATES).draw(definition)) + "\n"


class _Chart:
    def __init__(self, states: Mapping[str, str]) -> None:
        self._states = states
        self._lines: list[str] = []
        self._coloured: dict[str, list[str]] = {}
        self._count = 0
        self._indent = "    "

    def draw(self, definition: SagaDefinition) -> list[str]:
        self._lines = [
            "flowchart TD",
            f"    accTitle: {_plain(words.title(definition))}",
            f"    accDescr: {_plain(words.description(definition))}",
        ]
        begin = self._node("([{}])", definition.input.__name__)
        exits = self._part(definition.flow, [(begin, "")])
        self._join(exits, self._node("([{}])", "completed"))
        if definition.after_undo is not None:
            self._lines.append(f"    subgraph closing[{_quoted(words.AFTER_UNDO)}]")
            self._indent = "        "
            begin = self._node("([{}])", words.ALL_UNDONE)
            exits = self._part(definition.after_undo, [(begin, "")])
            self._join(exits, self._node("([{}])", "ended"))
            self._indent = "    "
            self._lines.append("    end")
        return self._lines + self._classes()

    def _part(self, node: Node, entries: Exits) -> Exits:
        """Draw a part of the flow, reached from `entries`; return where it is left."""
        match node:
            case Sequence():
                for part in node.nodes:
                    entries = self._part(part, entries)
                return entries
            case Parallel():
                fork = self._node("[/{}\\]", "all of these")
                self._join(entries, fork)
                join = self._node("[\\{}/]", "when all are done")
                for branch in node.branches:
                    self._join(self._part(branch, [(fork, "")]), join)
                return [(join, "")]
            case Choice():
                diamond = self._node("{{{}}}", f"result of {node.on}")
                self._join(entries, diamond)
                exits: Exits = [(diamond, "otherwise")]
                for kind, branch in node.branches:
                    exits += self._part(branch, [(diamond, kind.__name__)])
                return exits
            case Wait():
                label = [f"wait for {node.event}", words.under_wait(node)]
                return [(self._entered(entries, "([{}])", label, node.name, node.milestone), "")]
            case Step():
                return [(self._step(node, entries), "")]
            case _:
                raise TypeError(f"unknown node {node!r}")

    def _step(self, step: Step, entries: Exits) -> str:
        label = [step.name, words.under_name(step)]
        if step.pivot:
            label.append(f"PIVOT: {words.NO_WAY_BACK}")
        action = self._entered(entries, "[[{}]]" if step.pivot else "[{}]", label, step.name, step.milestone)
        if step.pivot and step.name not in self._states:
            self._coloured.setdefault("pivot", []).append(action)
        if (undo := words.undo_name(step)) is not None:
            compensation = self._node("([{}])", f"↶ {undo}", key=step.name + words.UNDO_MARK, kind="undo")
            self._lines.append(f"{self._indent}{action} -. undo .- {compensation}")
        elif (why := words.undo_reason(step)) is not None:
            reason = self._node("[{}]", why, kind="reason")
            self._lines.append(f"{self._indent}{action} -.- {reason}")
        return action

    def _entered(self, entries: Exits, shape: str, label: list[str], key: str, milestone: str | None) -> str:
        if milestone:
            label.append(f"⚑ {milestone}")
        node = self._node(shape, *label, key=key)
        self._join(entries, node)
        return node

    def _node(self, shape: str, *label: str, key: str = "", kind: str = "") -> str:
        self._count += 1
        name = f"n{self._count}"
        self._lines.append(f"{self._indent}{name}{shape.format(_quoted(*label))}")
        if chosen := self._states.get(key) or kind:
            self._coloured.setdefault(chosen, []).append(name)
        return name

    def _join(self, entries: Exits, to: str) -> None:
        for source, label in entries:
            arrow = f"-->|{_quoted(label)}|" if label else "-->"
            self._lines.append(f"{self._indent}{source} {arrow} {to}")

    def _classes(self) -> list[str]:
        lines = []
        for number, (state, nodes) in enumerate(sorted(self._coloured.items())):
            colours = colours_of(state, LIGHT)
            looks = f"fill:{colours.fill},stroke:{colours.stroke},color:{colours.text}"
            looks += {
                "pivot": ",stroke-width:3px",
                "undo": ",stroke-dasharray:4 3",
                "reason": ",stroke-dasharray:2 3",
            }.get(state, "")
            # A number in the name: a state such as `default` would be a word of Mermaid's own.
            lines += [f"    classDef look{number} {looks}", f"    class {','.join(nodes)} look{number}"]
        return lines


def _quoted(*label: str) -> str:
    return '"' + "<br/>".join(_escaped(part) for part in label) + '"'


def _escaped(text: str) -> str:
    """Every character that Mermaid or HTML could read as its own, as a numbered entity."""
    return _SPECIAL.sub(lambda found: f"#{ord(found[0])};", " ".join(text.split()))


def _plain(text: str) -> str:
    """Text for the accessible lines, which know no quoting: without line ends and what could begin a comment."""
    return re.sub(r"[^\w .,:+\-/()]", " ", " ".join(text.split())).strip()
