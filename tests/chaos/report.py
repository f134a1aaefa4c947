"""What a run says in the end: one object for programs, and tables for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.chaos.judge import Account, Recovery, percentiles
from tests.chaos.strikes import Strike

SLOWEST = 3
"""Recoveries that are told by name."""


@dataclass(slots=True)
class Report:
    """Everything that was seen."""

    seed: int
    sagas: int
    kills: int
    account: Account
    illegal: int
    stuck: int
    given_up: int
    recovery: list[Recovery]
    vacuous: list[str]
    violations: list[str]
    strikes: list[Strike] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    """More numbers, by name: what was seen of duplicates, refusals, looks."""

    @property
    def ok(self) -> bool:
        """Whether every promise held, and each was put to the test."""
        counted = (
            self.account.lost,
            self.account.duplicated,
            self.account.unexpected,
            self.illegal,
            self.stuck,
        )
        return not any(counted) and not self.vacuous and not self.violations

    def as_json(self) -> dict[str, Any]:
        """The object others rely on."""
        return {
            "ok": self.ok,
            "seed": self.seed,
            "sagas": self.sagas,
            "kills": self.kills,
            "lost": self.account.lost,
            "duplicated": self.account.duplicated,
            "illegal": self.illegal,
            "stuck": self.stuck,
            "unexpected": self.account.unexpected,
            "recovered": self.account.recovered,
            "recovery_seconds": percentiles([each.seconds for each in self.recovery]),
            "vacuous": self.vacuous,
            "violations": self.violations,
            "given_up": self.given_up,
            "figures": self.figures,
        }


def print_report(console: Console, report: Report) -> None:
    """Tables of the faults, the counts and the times; then whatever is wrong, in full."""
    faults = Table("fault", "struck", "with proof", title="Faults")
    for kind in dict.fromkeys(strike.fault.kind for strike in report.strikes):
        of_kind = [strike for strike in report.strikes if strike.fault.kind is kind]
        faults.add_row(kind.value, str(len(of_kind)), str(sum(bool(strike.evidence) for strike in of_kind)))
    counts = Table("", "", title="Counts", show_header=False)
    for name, value in report.as_json().items():
        if isinstance(value, int):
            counts.add_row(name.replace("_", " "), str(value))
    for name, number in report.figures.items():
        counts.add_row(name.replace("_", " "), f"{number:g}")
    console.print(faults, counts, _histogram([each.seconds for each in report.recovery]))
    for each in sorted(report.recovery, reverse=True)[:SLOWEST]:
        console.print(f"after {each.seconds:.1f} s: {each.what}", markup=False, highlight=False)
    for title, texts in (("vacuous", report.vacuous), ("violation", report.violations)):
        for text in texts:
            console.print(f"{title}: {text}", markup=False, highlight=False)


def _histogram(seconds: Sequence[float]) -> Table:
    table = Table("seconds from kill to next entry", "claims", "", title="Recovery")
    bounds = [0, 1, 5, 10, 15, 20, 25, 30, 45, 60, float("inf")]
    for low, high in pairwise(bounds):
        number = sum(low <= value < high for value in seconds)
        table.add_row(f"{low:g} to {high:g}", str(number), "█" * min(number, 60))
    return table
