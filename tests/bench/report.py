"""What a run says in the end: one object for programs, and tables for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.table import Table

from tests.bench.figures import ratios, summary, worst
from tests.bench.run import Run
from tests.bench.shapes import STEPS_PER_SAGA

COLUMNS = ("sagas/s", "p50 ms", "p99 ms", "CPU ms/saga", "of which database", "queries", "commits", "connections", "messages", "bytes published")  # fmt: skip


def as_json(run: Run, machine: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Everything. `ratios` are those of throughput, of each the smaller one of both shapes."""
    by_shape = {shape: ratios(sides) for shape, sides in run.taken.items()}
    return {
        "ratios": worst(by_shape.values()),
        "shapes": {
            shape: {
                "ratios": {
                    name: found.as_json() if found else None for name, found in by_shape[shape].items()
                },
                "sides": {side: summary(taken) for side, taken in sides.items()},
            }
            for shape, sides in run.taken.items()
        },
        "rounds": run.rounds,
        "sagas": run.sagas,
        "steps_per_saga": STEPS_PER_SAGA,
        "machine": machine,
        "seconds": round(seconds),
    }


def terminal_tables(report: dict[str, Any]) -> list[Table]:
    """One table for each shape, and one of ratios."""
    tables = []
    for shape, measured in report["shapes"].items():
        table = Table(title=shape, title_justify="left")
        table.add_column("side")
        for heading in COLUMNS:
            table.add_column(heading, justify="right")
        for side, figures in measured["sides"].items():
            # The spread of each figure would not fit; it is in the page and in --json.
            table.add_row(side, *cells(figures, told=lambda figure: rounded(figure["median"])))
        tables.append(table)
    summed = Table(title="Throughput, round by round", title_justify="left")
    for heading in ("ratio", *report["shapes"], "the worse"):
        summed.add_column(heading, justify="right")
    for name, least in report["ratios"].items():
        shown = [told(shape["ratios"][name]) for shape in report["shapes"].values()]
        summed.add_row(name, *shown, "–" if least is None else f"{least:.2f}")
    return [*tables, summed]


def cells(figures: dict[str, Any], *, told: Callable[[dict[str, float]], str]) -> list[str]:
    """The row of a side, in the order of `COLUMNS`; `told` says how what was measured is told."""
    cpu = figures["cpu_ms"]
    parts = [each["median"] for each in cpu.values() if each is not None]
    database = cpu["database"]
    return [
        told(figures["sagas_per_second"]),
        told(figures["p50_ms"]),
        told(figures["p99_ms"]),
        f"{sum(parts):.1f}",
        f"{database['median']:.1f}" if database else "–",
        f"{figures['queries']:.1f}",
        f"{figures['commits']:.1f}",
        f"{figures['connections']:.1f}",
        f"{figures['messages']:.1f}",
        f"{figures['published_bytes']:,.0f}",
    ]


def told(figure: dict[str, float] | None) -> str:
    """A median with its spread."""
    if figure is None:
        return "–"
    return f"{rounded(figure['median'])} ({rounded(figure['min'])}–{rounded(figure['max'])})"


def rounded(value: float) -> str:
    """With three digits, or all there are before the point."""
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f}"
