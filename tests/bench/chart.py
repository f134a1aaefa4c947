"""The chart of a run: a panel per shape, a bar per side, the spread as a whisker. Light and dark, nothing loaded from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape
from typing import Any

NAMES = {
    "bare": "bare Celery canvas",
    "distributed": "Orderly, distributed",
    "run_ahead": "Orderly, run-ahead",
    "dbos": "DBOS",
    "floor": "PostgreSQL alone",
}
OURS = frozenset({"distributed", "run_ahead"})

_WIDTH, _LEFT, _RIGHT = 760.0, 176.0, 118.0
_ROW, _BAR, _HEAD, _FOOT, _TOP = 30.0, 16.0, 44.0, 30.0, 46.0
_SANS = (
    "ui-sans-serif,system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,'DejaVu Sans',sans-serif"
)
_LIGHT = {
    "paper": "#ffffff", "ink": "#1c2b2a", "quiet": "#5b6b69", "line": "#dde5e4", "ours": "#0d8073", "other": "#a9b7b5", "whisker": "#1c2b2a",
}  # fmt: skip
_DARK = {
    "paper": "#14201f", "ink": "#e8efee", "quiet": "#9fb0ae", "line": "#2c3b3a", "ours": "#2fc1ad", "other": "#56676a", "whisker": "#e8efee",
}  # fmt: skip


def chart(report: dict[str, Any]) -> str:
    """Draw the throughput of every side as a standalone SVG document."""
    shapes = report["shapes"]
    most = max(
        side["sagas_per_second"]["max"] for shape in shapes.values() for side in shape["sides"].values()
    )
    tick = _tick(most)
    parts: list[str] = []
    y = _TOP
    for name, shape in shapes.items():
        parts += _panel(name, shape, y, tick, most)
        y += _HEAD + _ROW * len(shape["sides"]) + _FOOT
    title = "Sagas per second, more is better"
    described = "; ".join(
        f"{name}: "
        + ", ".join(
            f"{NAMES[side]} {figures['sagas_per_second']['median']:g}"
            for side, figures in shape["sides"].items()
        )
        for name, shape in shapes.items()
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="bench-title bench-desc"'
            f' viewBox="0 0 {_WIDTH:g} {y:g}" width="{_WIDTH:g}" height="{y:g}">',
            f'<title id="bench-title">{title}</title>',
            f'<desc id="bench-desc">{escape(described)}</desc>',
            f"<style>{_rules(_LIGHT)}@media (prefers-color-scheme:dark){{{_rules(_DARK)}}}</style>",
            f'<rect class="paper" width="{_WIDTH:g}" height="{y:g}" rx="10"/>',
            f'<text class="title" x="24" y="32">{title}</text>',
            f'<text class="quiet" x="{_WIDTH - 24:g}" y="32" text-anchor="end">{escape(_below(report))}</text>',
            *parts,
            "</svg>",
            "",
        ]
    )


def _panel(name: str, shape: dict[str, Any], top: float, tick: float, most: float) -> Iterator[str]:
    sides: dict[str, Any] = shape["sides"]
    scale = (_WIDTH - _LEFT - _RIGHT) / most
    bottom = top + _HEAD + _ROW * len(sides)
    steps = {"chain": "six steps, one after another", "parallel": "six steps, two of them in parallel"}[name]
    yield f'<text class="name" x="24" y="{top + 24:g}">{name}</text>'
    yield f'<text class="quiet" x="{_LEFT:g}" y="{top + 24:g}">{steps}</text>'
    for number in range(math.floor(most / tick) + 1):
        x = _LEFT + number * tick * scale
        yield f'<path class="line" d="M{x:.1f} {top + _HEAD - 8:g}V{bottom:g}"/>'
        yield f'<text class="quiet" x="{x:.1f}" y="{bottom + 15:g}" text-anchor="middle">{number * tick:g}</text>'
    for row, (side, figures) in enumerate(sides.items()):
        figure = figures["sagas_per_second"]
        y = top + _HEAD + row * _ROW
        middle = y + _BAR / 2
        least, end, best = (_LEFT + figure[which] * scale for which in ("min", "median", "max"))
        look = "ours" if side in OURS else "other"
        yield f'<text class="side" x="{_LEFT - 12:g}" y="{middle + 4:g}" text-anchor="end">{NAMES[side]}</text>'
        yield f'<rect class="{look}" x="{_LEFT:g}" y="{y:g}" width="{end - _LEFT:.1f}" height="{_BAR:g}" rx="3"/>'
        yield (
            f'<path class="whisker" d="M{least:.1f} {middle:g}H{best:.1f}M{least:.1f} {middle - 4:g}v8'
            f'M{best:.1f} {middle - 4:g}v8"/>'
        )
        yield f'<text class="value" x="{best + 10:.1f}" y="{middle + 4:g}">{figure["median"]:.0f}{_times(side, shape["ratios"])}</text>'


def _times(side: str, ratios: dict[str, Any]) -> str:
    """How many times bare canvas, behind a side of ours."""
    found = ratios.get(f"{side}/bare")
    return f" · {found['median']:.2f} × bare" if found else ""


def _below(report: dict[str, Any]) -> str:
    machine = report["machine"]
    return f"median of {report['rounds']} rounds of {report['sagas']} sagas, {machine['cores']} cores"


def _tick(most: float) -> float:
    """A round step that gives four to eight lines."""
    rough = most / 6
    power = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= rough)


def _rules(colours: dict[str, str]) -> str:
    return (
        f"text{{font:12px {_SANS};fill:{colours['ink']}}}"
        f".paper{{fill:{colours['paper']}}}.title{{font-size:15px;font-weight:600}}.name{{font-size:13px;font-weight:600}}"
        f".quiet{{fill:{colours['quiet']};font-size:11px}}.value{{font-weight:600}}"
        f".line{{stroke:{colours['line']};stroke-width:1}}.whisker{{stroke:{colours['whisker']};stroke-width:1.3;fill:none}}"
        f".ours{{fill:{colours['ours']}}}.other{{fill:{colours['other']}}}"
    )
