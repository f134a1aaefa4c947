"""`manage.py crash_matrix`: end real processes at every named place, and look whether every promise holds."""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.system.boot.paths import DataFolder
from orchestration.command_line import file_to_write, one_of
from orchestration.core.definition.arguments import plain
from orchestration.crash.points import MODES, POINTS
from orchestration.operations.terminal.pages import console_for
from orchestration.verification import run_invariants
from tests.crash_matrix.happenings import IN_STOCK
from tests.crash_matrix.matrix import TRIES, Matrix, Outcome
from tests.crash_matrix.page import document, terminal_table
from tests.crash_matrix.table import Cell, cells, excluded
from tests.crash_matrix.world import World

SHOWN = 25
"""Names listed before the rest is only counted."""


class Command(BaseCommand):
    """Progress goes to stderr. Exit status: 0 when every promise held, 1 when one did not, 2 for what cannot be done."""

    help = (
        "Kill, freeze and cut off real processes at every crash point, in a world of its own that is thrown away, and "
        "prove that each order ends as it must."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--points", type=_names(POINTS, "point"), metavar="K7,K8", help="only these points"
        )
        parser.add_argument(
            "--modes", type=_names(MODES, "mode"), metavar="kill,hang", help="only these modes"
        )
        parser.add_argument("--cells", type=_cell_names, metavar="K7:kill:forward,…", help="only these cells")
        parser.add_argument("--third", type=_third, help="every third cell, from this one on")
        parser.add_argument("--json", action="store_true", help="print one JSON object last")
        parser.add_argument(
            "--write",
            type=file_to_write,
            metavar="FILE",
            help="write the page of the matrix, once all is green",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = _choose(options)
        if not chosen:
            raise CommandError(
                "no cell is left: these points and modes exclude each other; leave one option out."
            )
        if options["write"] and len(chosen) != len(cells()):
            raise CommandError(
                "--write describes the whole matrix: leave --points, --modes, --cells and --third out."
            )
        began = time.monotonic()
        folder = DataFolder(Path(os.environ["ORDERLY_DATA_DIR"]))
        self._seen, self._all = 0, len(chosen)
        with World(folder, products=TRIES * len(chosen), stock=IN_STOCK) as world:
            outcomes = Matrix(world, self._tell).run(chosen)
            violations = [f"{check.name}: {text}" for check in run_invariants() for text in check.violations]
        failed = [{"cell": o.cell.name, "reason": o.reason} for o in outcomes if not o.passed]
        ok = not failed and not violations
        self._print(outcomes, violations)
        if options["write"] and ok:
            options["write"].write_text(document(outcomes, where=_where()), encoding="utf-8")
        if options["json"]:
            answer = {
                "ok": ok,
                "cells": len(outcomes),
                "passed": sum(outcome.passed for outcome in outcomes),
                "failed": failed,
                "excluded": [{"cell": each.cell, "reason": each.reason} for each in excluded()],
                "violations": violations,
                "seconds": round(time.monotonic() - began),
            }
            self.stdout.write(json.dumps(answer, ensure_ascii=False))
            self.stdout.flush()
        if not ok:
            raise CommandError(
                f"{len(failed)} of {len(outcomes)} cells failed, and verify found {len(violations)} violations",
                returncode=1,
            )

    def _tell(self, outcome: Outcome) -> None:
        self._seen += 1
        verdict = outcome.verdict
        told = (
            f"{verdict.ended} after {verdict.seconds:.1f} s; {verdict.proof}"
            if verdict
            else f"FAILED: {outcome.reason}"
        )
        again = f" (try {outcome.tries})" if outcome.tries > 1 else ""
        self.stderr.write(f"[{self._seen}/{self._all}] {outcome.cell.name}: {told}{again}", lambda text: text)
        self.stderr.flush()

    def _print(self, outcomes: list[Outcome], violations: list[str]) -> None:
        console = console_for(self.stdout)
        console.print(terminal_table(outcomes))
        for outcome in outcomes:
            if not outcome.passed:
                console.print(f"{outcome.cell.name}: {outcome.reason}", markup=False)
        for violation in violations:
            console.print(f"verify: {violation}", markup=False)


def _third(text: str) -> int:
    return int(one_of(("1", "2", "3"))(text))


def _choose(options: dict[str, Any]) -> list[Cell]:
    found = [
        cell
        for cell in cells()
        if (not options["points"] or cell.point in options["points"])
        and (not options["modes"] or cell.mode in options["modes"])
        and (not options["cells"] or cell.name in options["cells"])
    ]
    return found[options["third"] - 1 :: 3] if options["third"] else found


def _names(known: dict[str, str], what: str) -> Any:
    def read(text: str) -> frozenset[str]:
        names = frozenset(name.strip() for name in text.split(",") if name.strip())
        if not names or (unknown := sorted(names - known.keys())):
            raise argparse.ArgumentTypeError(
                f"{plain(', '.join(unknown)) if names else 'nothing'} is no {what}; there are {', '.join([*known][:SHOWN])}"
                + (f" and {len(known) - SHOWN} more, see docs/crash-matrix.md" if len(known) > SHOWN else "")
            )
        return names

    return read


def _cell_names(text: str) -> frozenset[str]:
    return _names({cell.name: "" for cell in cells()}, "cell")(text)  # type: ignore[no-any-return]  # argparse's own shape


def _where() -> str:
    broker = "RabbitMQ" if os.environ["CELERY_BROKER_URL"].startswith("amqp") else "Valkey or Redis"
    return f"PostgreSQL and {broker}"
