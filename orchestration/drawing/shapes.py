"""The pieces a drawing is made of, in user units; a block is a part of the flow with its own origin.

A block is entered at (0, 0) and left at (0, height): whatever stands above and below only has to meet that line.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, Self

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text; `kind` decides about font and colour."""

    content: str
    kind: Literal["name", "small", "milestone", "pivot"] = "small"


@dataclass(frozen=True, slots=True)
class Box:
    """A box with lines of text, centred."""

    x: float
    y: float
    width: float
    height: float
    shape: Literal["action", "undo", "reason", "wait", "terminal"]
    lines: tuple[Text, ...]
    look: str = ""
    """State, or kind of box: a key of the colours."""
    tip: str = ""
    """What is said when pointed at: the whole text where the lines had to be cut."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points; `back` is the dashed way to a compensation."""

    points: tuple[Point, ...]
    arrow: bool = False
    back: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """Where the flow forks or joins."""

    x: float
    y: float
    width: float


@dataclass(frozen=True, slots=True)
class Diamond:
    """Where the flow is decided; its middle is (x, y)."""

    x: float
    y: float
    radius: float


@dataclass(frozen=True, slots=True)
class Label:
    """Free text beside a line."""

    x: float
    y: float
    content: str
    anchor: Literal["start", "middle", "end"] = "middle"
    kind: Literal["branch", "rule", "heading"] = "branch"


@dataclass(frozen=True, slots=True)
class Rule:
    """A dashed line across the whole drawing."""

    y: float
    content: str


Shape = Box | Line | Bar | Diamond | Label | Rule


@dataclass(frozen=True, slots=True)
class Block:
    """A part of the drawing around its spine at x = 0."""

    left: float
    """How far it reaches to the left of the spine."""
    right: float
    height: float
    shapes: tuple[Shape, ...] = field(default=())

    def moved(self, dx: float, dy: float) -> tuple[Shape, ...]:
        """Its shapes, shifted."""
        return tuple(_moved(shape, dx, dy) for shape in self.shapes)

    def with_shapes(self, *more: Shape) -> Self:
        """The same block with more in it."""
        return replace(self, shapes=(*self.shapes, *more))


def _moved(shape: Shape, dx: float, dy: float) -> Shape:
    match shape:
        case Line():
            return replace(shape, points=tuple((x + dx, y + dy) for x, y in shape.points))
        case Rule():
            return replace(shape, y=shape.y + dy)
        case _:
            return replace(shape, x=shape.x + dx, y=shape.y + dy)
