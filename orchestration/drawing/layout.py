"""Where everything stands: top down along a spine, each compensation to the right of its action.

Sequences stack, parallel branches stand side by side between a fork and a join, a choice passes straight on or through
one of its branches. Pure geometry; how it looks is not decided here.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Literal

from orchestration.core.definition.nodes import Choice, Node, Parallel, Sequence, Step, Wait
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.drawing import words
from orchestration.drawing.measure import LINE, NAME, SMALL, fitted, wrapped
from orchestration.drawing.shapes import Bar, Block, Box, Diamond, Label, Line, Rule, Shape, Text

GAP = 30.0
"""Between one part of a sequence and the next: room for an arrow."""
BESIDE = 26.0
"""Between an action and its compensation, and between branches."""
RADIUS = 17.0
"""Of a diamond."""
PADDING = 11.0
WIDEST = 300.0
"""A box is never wider; longer names are cut and told in full when pointed at."""


def lay_out(definition: SagaDefinition, states: Mapping[str, str]) -> tuple[Block, Block | None]:
    """The flow, and what follows undo, each as a block."""
    place = _Place(definition, states)
    flow = place.between(definition.input.__name__, definition.flow, "completed")
    if definition.after_undo is None:
        return flow, None
    return flow, place.between(words.ALL_UNDONE, definition.after_undo, "ended")


class _Place:
    def __init__(self, definition: SagaDefinition, states: Mapping[str, str]) -> None:
        self._states = states
        nodes = [node for node in definition.walk() if isinstance(node, Step | Wait)]
        own = [len(node.name) * NAME for node in nodes]
        small = [len(words.under_wait(n)) * SMALL for n in nodes if isinstance(n, Wait)]
        undos = [len(name) * NAME for n in nodes if isinstance(n, Step) and (name := words.undo_name(n))]
        self._width = min(max([*own, *small, 150.0]) + 3 * PADDING, WIDEST)
        self._beside = min(max([*undos, 150.0]) + 3 * PADDING, WIDEST)
        self._spine_of_pivot = definition.flow.children()

    def between(self, begin: str, node: Node, end: str) -> Block:
        """A flow with a beginning and an end."""
        return self._stacked([self._terminal(begin), self._block(node), self._terminal(end)])

    def _block(self, node: Node) -> Block:
        match node:
            case Step():
                return self._step(node)
            case Wait():
                return self._wait(node)
            case Sequence():
                return self._stacked([self._block(part) for part in node.nodes])
            case Parallel():
                return self._parallel([self._block(branch) for branch in node.branches])
            case Choice():
                return self._choice(node)
            case _:
                raise TypeError(f"unknown node {node!r}")

    def _terminal(self, text: str) -> Block:
        width = len(text) * SMALL + 4 * PADDING
        lines = (Text(text),)
        return Block(width / 2, width / 2, 28, (Box(-width / 2, 0, width, 28, "terminal", lines),))

    def _step(self, step: Step) -> Block:
        room = self._width - 2 * PADDING
        lines = [Text(fitted(step.name, room, each=NAME), "name"), Text(words.under_name(step))]
        if step.milestone:
            lines.append(Text(fitted(step.milestone, room - LINE, each=SMALL), "milestone"))
        if step.pivot:
            lines.append(Text("PIVOT", "pivot"))
        beside, look = self._undo_lines(step)
        height = max(len(lines), len(beside)) * LINE + 2 * PADDING
        own = self._states.get(step.name) or ("pivot" if step.pivot else "")
        action = Box(-self._width / 2, 0, self._width, height, "action", tuple(lines), own, step.name)
        block = Block(self._width / 2, self._width / 2, height, (action,))
        if step.pivot and step in self._spine_of_pivot:
            block = block.with_shapes(Rule(height + GAP / 2, words.NO_WAY_BACK))
        if not beside:
            return block
        x = self._width / 2 + BESIDE
        whole = words.undo_name(step) or words.undo_reason(step) or ""
        leads = words.undo_name(step) is not None
        shape: Literal["undo", "reason"] = "undo" if leads else "reason"
        box = Box(x, 0, self._beside, height, shape, tuple(beside), look, whole)
        line = Line(((self._width / 2, height / 2), (x, height / 2)), arrow=leads, back=True)
        return Block(block.left, x + self._beside, height, (*block.shapes, line, box))

    def _undo_lines(self, step: Step) -> tuple[list[Text], str]:
        room = self._beside - 2 * PADDING
        if (name := words.undo_name(step)) is not None:
            lines = [Text(fitted(name, room, each=NAME), "name"), Text("undo")]
            # Beside the states of a saga, an undo that never ran must not stand out.
            unused = "reason" if self._states else "undo"
            return lines, self._states.get(step.name + words.UNDO_MARK) or unused
        if (why := words.undo_reason(step)) is not None:
            return [Text(line) for line in wrapped(why, room, each=SMALL, most=3)], "reason"
        return [], ""

    def _wait(self, wait: Wait) -> Block:
        room = self._width - 2 * PADDING
        lines = [
            Text("wait for"),
            Text(fitted(wait.event, room, each=NAME), "name"),
            Text(fitted(words.under_wait(wait), room, each=SMALL)),
        ]
        if wait.milestone:
            lines.append(Text(fitted(wait.milestone, room - LINE, each=SMALL), "milestone"))
        height = len(lines) * LINE + 2 * PADDING
        look = self._states.get(wait.name, "")
        box = Box(-self._width / 2, 0, self._width, height, "wait", tuple(lines), look, wait.event)
        return Block(self._width / 2, self._width / 2, height, (box,))

    def _stacked(self, blocks: list[Block]) -> Block:
        shapes: list[Shape] = []
        y = 0.0
        for number, block in enumerate(blocks):
            if number:
                shapes.append(Line(((0, y), (0, y + GAP)), arrow=True))
                y += GAP
            shapes += block.moved(0, y)
            y += block.height
        left, right = max(block.left for block in blocks), max(block.right for block in blocks)
        return Block(left, right, y, tuple(shapes))

    def _parallel(self, branches: list[Block]) -> Block:
        spines = _side_by_side(branches)
        middle = (spines[0] + spines[-1]) / 2
        spines = [x - middle for x in spines]
        tall = max(block.height for block in branches)
        bottom = 4 + GAP + tall + GAP
        shapes: list[Shape] = []
        for x, block in zip(spines, branches, strict=True):
            shapes.append(Line(((x, 4), (x, 4 + GAP)), arrow=True))
            shapes += block.moved(x, 4 + GAP)
            shapes.append(Line(((x, 4 + GAP + block.height), (x, bottom)), arrow=True))
        width = spines[-1] - spines[0] + 60
        shapes += [Bar(-width / 2, 0, width), Bar(-width / 2, bottom, width)]
        left = max(width / 2, branches[0].left - spines[0])
        right = max(width / 2, branches[-1].right + spines[-1])
        return Block(left, right, bottom + 4, tuple(shapes))

    def _choice(self, choice: Choice) -> Block:
        branches = [self._block(branch) for _, branch in choice.branches]
        spines = _side_by_side([Block(40, 70, 0), *branches])[1:]
        top, tall = 2 * RADIUS + GAP, max(block.height for block in branches)
        bottom = top + tall + GAP / 2
        shapes: list[Shape] = [
            Line(((0, 2 * RADIUS), (0, bottom))),
            Label(-8, 2 * RADIUS + 18, "otherwise", "end"),
            Label(-RADIUS - 6, RADIUS - 6, "result of", "end"),
            Label(-RADIUS - 6, RADIUS + 8, choice.on, "end"),
        ]
        for x, block, (kind, _) in zip(spines, branches, choice.branches, strict=True):
            shapes.append(Line(((RADIUS, RADIUS), (x, RADIUS), (x, top)), arrow=True))
            shapes.append(Label(x - 8, RADIUS - 6, kind.__name__, "end"))
            shapes += block.moved(x, top)
            shapes.append(Line(((x, top + block.height), (x, bottom), (0, bottom))))
        shapes.append(Diamond(0, RADIUS, RADIUS))
        left = RADIUS + 12 + max(len(choice.on), 9) * SMALL
        return Block(left, spines[-1] + branches[-1].right, bottom, tuple(shapes))


def _side_by_side(blocks: list[Block]) -> list[float]:
    """Spines of blocks that stand beside each other, the first at 0."""
    spines = [0.0]
    for before, block in pairwise(blocks):
        spines.append(spines[-1] + before.right + BESIDE + block.left)
    return spines
