"""The report of `manage.py verify`: a table for people, an object for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from orchestration.operations.terminal.rendering import Padding, RenderableType, Table, Text, box
from orchestration.operations.terminal.words import harmless
from orchestration.verification import CheckResult

SHOWN = 10
"""Violations printed per check; the JSON has them all."""


def report(results: Sequence[CheckResult]) -> dict[str, Any]:
    """All results as one JSON object."""
    checks = [
        {
            "name": r.name,
            "checked": r.checked,
            "violations": r.violations,
            "kept_by_decision": r.kept,
            "not_compared": r.not_compared,
        }
        for r in results
    ]
    kept = [sentence for result in results for sentence in result.kept]
    return {"ok": all(result.ok for result in results), "kept_by_decision": kept, "checks": checks}


def report_page(results: Sequence[CheckResult]) -> Iterator[RenderableType]:
    """A table of all checks, and below it what is out of place."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("")
    table.add_column("must be true", overflow="fold")
    table.add_column("looked at", justify="right")
    table.add_column("out of place", justify="right")
    for result in results:
        table.add_row(
            _mark(result),
            Text(result.name),
            Text(str(result.checked), style="" if result.checked else "bright_black"),
            Text(str(len(result.violations) or ""), style="bold red"),
        )
    yield table
    for result in results:
        if not result.ok:
            yield Text(result.name, style="bold red")
            yield _sentences(result.violations)
    if kept := [sentence for result in results for sentence in result.kept]:
        yield Text("Kept by decision", style="bold yellow")
        yield _sentences(kept)
    if not_compared := [f"{r.name}: {r.not_compared}" for r in results if r.not_compared]:
        yield Text("Not compared", style="bold yellow")
        yield _sentences(not_compared)
    wrong = sum(not result.ok for result in results)
    verdict = (
        f"{wrong} of {len(results)} checks found something out of place."
        if wrong
        else f"All {len(results)} checks: everything is in place."
        if not not_compared
        else f"{len(results) - len(not_compared)} of {len(results)} checks were made: everything is in place."
    )
    yield Text(verdict, style="bold red" if wrong else "bold green")


def _mark(result: CheckResult) -> Text:
    if result.ok and result.not_compared:
        return Text("–", style="yellow")
    return Text("✓", style="green") if result.ok else Text("✗", style="bold red")


def _sentences(sentences: Sequence[str]) -> RenderableType:
    lines = [harmless(sentence) for sentence in sentences[:SHOWN]]
    if len(sentences) > SHOWN:
        lines.append(f"and {len(sentences) - SHOWN} more")
    return Padding(Text("\n".join(lines)), (0, 0, 1, 2))
