"""What a run of retention has done: an object for programs, a table for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from orchestration.operations.terminal.rendering import RenderableType, Table, Text, box
from orchestration.retention.ages import Age
from orchestration.retention.run import Pruned


def written(age: Age) -> str:
    """An age as people write it."""
    if age is None:
        return "never"
    days, hours = divmod(age, timedelta(days=1))
    return f"{days}d" if not hours else f"{age // timedelta(hours=1)}h"


def report(done: Pruned, ages: Mapping[str, Age], *, seconds: float) -> dict[str, Any]:
    """A run as one JSON object."""
    return {
        "dry_run": done.dry_run,
        "complete": done.complete,
        "retention": {name: written(age) for name, age in ages.items()},
        "removed": {kind: number for kind, number in done.removed.items() if number},
        "sagas": dict(done.sagas),
        "kept": dict(done.kept),
        "gave_way": done.gave_way,
        "batches": done.batches,
        "seconds": round(seconds, 1),
    }


def pruned_page(facts: dict[str, Any]) -> Iterator[RenderableType]:
    """A run as a table, and what was kept although it is old enough."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("rows")
    table.add_column("would be removed" if facts["dry_run"] else "removed", justify="right")
    for kind, number in facts["removed"].items():
        endings = ", ".join(f"{each} {state}" for state, each in facts["sagas"].items() if each)
        table.add_row(f"{kind} ({endings})" if kind == "sagas" else kind, str(number))
    yield table if facts["removed"] else Text("Nothing is old enough.")
    for reason, number in facts["kept"].items():
        yield Text(f"{number} old sagas are kept: {reason}")
    yield Text(f"{facts['batches']} batches, {facts['seconds']} s", style="bright_black")
