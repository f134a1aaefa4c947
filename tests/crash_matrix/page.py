"""The matrix as people see it: a table in the terminal, and the page in `docs/`."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

from orchestration.crash.points import MODES, POINTS
from tests.crash_matrix.matrix import Outcome
from tests.crash_matrix.paragraphs import wrapped
from tests.crash_matrix.table import DIRECTIONS, LATER, NO_COMMIT, NO_SITE, Cell, cells, why_excluded
from tests.crash_matrix.world import HEARTBEAT_SECONDS, LEASE_SECONDS, RESEND_AFTER_SECONDS

NONE = "–"
"""Stands where there is no cell."""
NOT_RUN = "·"
"""Stands where there is one that was not asked for."""

PROMISES = (
    "the process left evidence at that hook, and failed as it was told to: it ended by that signal, it was seen frozen and "
    "went on when it was woken, its connection was gone from the server's list, or its error stands in a log or in the "
    "history;",
    "after a death or a freeze another process finished the order; but nobody may overtake a frozen process that holds the "
    "order's saga locked;",
    "the order ended as its story says, its history leads to its rows, every event for it was applied or ignored, and "
    "nothing is left open;",
    "the ledgers of the gateway and the carrier have the effects that this ending needs, one under each key; after K8 and "
    "K14 they show that somebody asked again;",
    "and after the last cell `verify` found nothing out of place.",
)


def terminal_table(outcomes: Iterable[Outcome]) -> Table:
    """One row for each point, direction and variant; one column for each mode."""
    table = Table(title="Crash matrix", title_justify="left")
    for heading in ("Point", "Direction", *MODES):
        table.add_column(heading, justify="left" if heading in ("Point", "Direction") else "right")
    by_name = {outcome.cell.name: outcome for outcome in outcomes}
    for point, direction, variant in _rows():
        marks = [_mark(point, mode, direction, variant, by_name) for mode in MODES]
        if any(mark not in (NONE, NOT_RUN) for mark in marks):
            coloured = [f"[red]{mark}[/red]" if mark == "FAILED" else mark for mark in marks]
            table.add_row(point, f"{direction} {variant}".strip(), *coloured)
    return table


def document(outcomes: list[Outcome], *, where: str) -> str:
    """The page `docs/crash-matrix.md`."""
    by_name = {outcome.cell.name: outcome for outcome in outcomes}
    passed = sum(outcome.passed for outcome in outcomes)
    slowest = max((outcome.verdict.seconds for outcome in outcomes if outcome.verdict), default=0.0)
    head = "| Point | Where it stands | Direction | " + " | ".join(f"`{mode}`" for mode in MODES) + " |"
    rows = [
        f"| {point} | {POINTS[point]} | {f'{direction} ({variant})' if variant else direction} | "
        + " | ".join(_mark(point, mode, direction, variant, by_name) for mode in MODES)
        + " |"
        for point, direction, variant in _rows()
    ]
    about = (
        "Every cell ends or disturbs one real process at one named place, with an order of its own, in a system of real "
        f"processes on {where}. {passed} of {len(outcomes)} cells held their promises. A number is the seconds from the crash "
        f"to the end of the order, {slowest:g} at most; under `hang` the time is in it for which the process lay frozen. "
        f"Leases last {LEASE_SECONDS:g} s here, a message may be on its way for {RESEND_AFTER_SECONDS:g} s, and hearts beat "
        f"every {HEARTBEAT_SECONDS:g} s (at work 15, 10 and 1)."
    )
    lines = [
        "# Crash matrix",
        "",
        "Made by `python3 manage.py crash_matrix --write docs/crash-matrix.md`; do not edit it by hand.",
        "",
        wrapped(about),
        "",
        "A cell holds its promise when",
        "",
        *[wrapped(promise, bullet=True) for promise in PROMISES],
        "",
        "| Mode | What happens |",
        "|---|---|",
        *[f"| `{mode}` | {meaning} |" for mode, meaning in MODES.items()],
        "",
        head,
        "|" + "---|" * (3 + len(MODES)),
        *rows,
        "",
        f"`{NONE}`: no cell, because",
        "",
        "| Point | Direction or mode | Reason |",
        "|---|---|---|",
        *[f"| {point} | {direction} | {reason} |" for (point, direction), reason in NO_SITE.items()],
        *[f"| {point} | `ambiguous` | {reason} |" for point, reason in NO_COMMIT.items()],
        *[f"| {point} | all | arrives with outgoing webhooks: {stands} |" for point, stands in LATER.items()],
        "",
    ]
    return "\n".join(lines)


def _rows() -> list[tuple[str, str, str]]:
    variants = {(cell.point, cell.direction, cell.site.variant) for cell in cells()}
    return sorted(
        variants,
        key=lambda row: (list(POINTS).index(row[0]), DIRECTIONS.index(row[1]), row[2]),
    )


def _mark(point: str, mode: str, direction: str, variant: str, by_name: dict[str, Outcome]) -> str:
    if why_excluded(point, mode, direction) is not None:
        return NONE
    name = next(c.name for c in _cells_of(point, mode, direction) if c.site.variant == variant)
    outcome = by_name.get(name)
    if outcome is None:
        return NOT_RUN
    return f"{outcome.verdict.seconds:.1f}" if outcome.verdict else "FAILED"


def _cells_of(point: str, mode: str, direction: str) -> list[Cell]:
    return [cell for cell in cells() if (cell.point, cell.mode, cell.direction) == (point, mode, direction)]
