"""A saga definition as an SVG picture: no dependencies, light and dark, readable by a screen reader.

Every text is escaped; nothing is loaded from elsewhere. Classes and ids are its own, so several may stand in one page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape

from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.drawing import words
from orchestration.drawing.layout import lay_out
from orchestration.drawing.measure import LINE
from orchestration.drawing.shapes import Bar, Box, Diamond, Label, Line, Point, Rule, Shape
from orchestration.drawing.sheet import style_sheet

MARGIN = 24.0
CORNER = 7.0
_UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML forbids even as an entity."""


def svg(definition: SagaDefinition, states: Mapping[str, str] | None = None) -> str:
    """Draw a definition as a standalone SVG document.

    Args:
        definition: what to draw.
        states: state by name of step or wait, and by `<step>:undo` for its undo; these are coloured.

    Returns:
        The document's text: one `svg` element with title, description and style, ending with a newline.
    """
    flow, closing = lay_out(definition, states or {})
    left = max(flow.left, closing.left if closing else 0.0) + MARGIN
    width = left + max(flow.right, closing.right if closing else 0.0) + MARGIN
    shapes = list(flow.moved(left, MARGIN))
    height = MARGIN + flow.height + MARGIN
    frame = ""
    if closing is not None:
        shapes += closing.moved(left, height + 2 * MARGIN)
        box = (
            left - closing.left - MARGIN / 2,
            closing.left + closing.right + MARGIN,
            closing.height + 2.5 * MARGIN,
        )
        frame = _frame(box[0], height, box[1], box[2])
        height += box[2] + MARGIN
    name = "saga-" + re.sub(r"\W+", "-", f"{definition.name}-{definition.version}")
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="saga-drawing" role="img" aria-labelledby="{name}-title'
            f' {name}-desc" viewBox="0 0 {_n(width)} {_n(height)}" width="{_n(width)}" height="{_n(height)}">',
            f'<title id="{name}-title">{_text(words.title(definition))}</title>',
            f'<desc id="{name}-desc">{_text(words.description(definition))}</desc>',
            f"<style>{style_sheet()}</style>",
            f'<rect class="paper" width="{_n(width)}" height="{_n(height)}" rx="10"/>',
            frame,
            *_drawn(shapes, width),
            "</svg>",
            "",
        ]
    )


def _drawn(shapes: list[Shape], width: float) -> Iterator[str]:
    """Lines first, so that boxes cover their ends."""
    for shape in sorted(shapes, key=lambda shape: not isinstance(shape, Line | Rule)):
        match shape:
            case Line():
                yield _line(shape)
            case Rule(y, content):
                yield f'<path class="rule" d="M{_n(MARGIN)} {_n(y)}H{_n(width - MARGIN)}"/>'
                yield f'<text class="rule-label" x="{_n(width - MARGIN)}" y="{_n(y - 5)}" text-anchor="end">{_text(content)}</text>'
            case Bar(x, y, long):
                yield f'<rect class="bar" x="{_n(x)}" y="{_n(y)}" width="{_n(long)}" height="4" rx="2"/>'
            case Diamond(x, y, r):
                yield f'<path class="diamond" d="M{_n(x)} {_n(y - r)}l{_n(r)} {_n(r)}l{_n(-r)} {_n(r)}l{_n(-r)} {_n(-r)}z"/>'
            case Label(x, y, content, anchor, kind):
                yield f'<text class="{kind}" x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}">{_text(content)}</text>'
            case Box():
                yield _box(shape)


def _box(box: Box) -> str:
    round_ends = box.shape in ("wait", "terminal")
    corner = min(box.height / 2, 22) if round_ends else CORNER
    middle = box.x + box.width / 2
    first = box.y + (box.height - len(box.lines) * LINE) / 2 + LINE * 0.74
    parts = [f'<g class="box {box.shape} {_look(box.look)}">']
    if box.tip:
        parts.append(f"<title>{_text(box.tip)}</title>")
    parts.append(
        f'<rect x="{_n(box.x)}" y="{_n(box.y)}" width="{_n(box.width)}" height="{_n(box.height)}" rx="{_n(corner)}"/>'
    )
    for number, line in enumerate(box.lines):
        flag = "⚑ " if line.kind == "milestone" else ""
        parts.append(
            f'<text class="{line.kind}" x="{_n(middle)}" y="{_n(first + number * LINE)}" text-anchor="middle">'
            f"{flag}{_text(line.content)}</text>"
        )
    return "".join([*parts, "</g>"])


def _line(line: Line) -> str:
    path = "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in line.points)
    kind = "back" if line.back else "flow"
    drawn = f'<path class="{kind}" d="{path}"/>'
    return drawn + (_head(line.points, kind) if line.arrow else "")


def _head(points: tuple[Point, ...], kind: str) -> str:
    """An arrow head: drawn, not a marker, because a marker needs an id of its own in the page."""
    (x0, y0), (x, y) = points[-2:]
    if abs(x - x0) > abs(y - y0):
        side = 7 if x < x0 else -7
        return f'<path class="{kind}-head" d="M{_n(x)} {_n(y)}l{side} -4v8z"/>'
    return f'<path class="{kind}-head" d="M{_n(x)} {_n(y)}l-4 {7 if y < y0 else -7}h8z"/>'


def _frame(x: float, y: float, width: float, height: float) -> str:
    return (
        f'<rect class="frame" x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" rx="10"/>'
        f'<text class="heading" x="{_n(x + 14)}" y="{_n(y + 22)}">{_text(words.AFTER_UNDO)}</text>'
    )


def _look(look: str) -> str:
    """A class of our own sheet; a state it does not know is drawn plain."""
    return f"is-{look}" if re.fullmatch(r"[a-z_]+", look) else ""


def _text(content: str) -> str:
    return escape(_UNPRINTABLE.sub("�", content))


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
