"""`manage.py place_orders FILE`: place a file of orders, one JSON object a line; optionally follow them to the end."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from orders.batch.following import WorkersGone
from orders.batch.placing import BatchResult, follow_to_endings, place_lines
from orders.batch.reading import read_lines
from orders.batch.workers import missing_workers

SHOWN = 20
"""Errors listed before the rest is only counted; the JSON has them all."""


class Command(BaseCommand):
    """Progress goes to stderr; the last line on stdout is a JSON object.

    Exit status: 0 when every line is placed, 1 when some are not, 2 when no worker is there to do the work.
    """

    help = "Place the orders of a file, one JSON object a line. Safe to repeat: a reference is placed once."

    def add_arguments(self, parser: CommandParser) -> None:
        """One file, and how long to stay."""
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--sequential",
            action="store_true",
            help="place an order when the stock of the one before is decided",
        )
        parser.add_argument(
            "--wait",
            action="store_true",
            help="stay until each is shipped, cancelled or resting back-ordered",
        )
        parser.add_argument("--json", action="store_true", help="no progress bar; only the JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Place, follow, report."""
        began = time.monotonic()
        try:
            total = sum(1 for _ in read_lines(options["file"]))
        except OSError as error:
            raise CommandError(f"cannot read {options['file']}: {error.strerror}") from None
        if (options["wait"] or options["sequential"]) and (why := missing_workers()) is not None:
            raise CommandError(f"nothing was placed: {why}", returncode=2)
        result = BatchResult()
        gone: WorkersGone | None = None
        with _progress_bar(is_hidden=options["json"]) as bar:
            placing = bar.add_task("placing", total=total)
            try:
                place_lines(
                    read_lines(options["file"]),
                    result=result,
                    sequential=options["sequential"],
                    missing_workers=missing_workers,
                    tell=lambda: bar.advance(placing),
                )
                if options["wait"]:
                    following = bar.add_task("following", total=len(result.orders))
                    follow_to_endings(
                        result=result,
                        missing_workers=missing_workers,
                        tell=lambda: bar.update(following, completed=len(result.endings)),
                    )
            except WorkersGone as error:
                gone = error
        self.stdout.write(json.dumps(_summary(result, seconds=time.monotonic() - began)))
        self.stdout.flush()
        if gone is not None:
            raise CommandError(
                f"{gone} What is placed stays placed and goes on when a worker is there.", returncode=2
            )
        if result.errors:
            raise CommandError(_in_words(result.errors), returncode=1)


def _progress_bar(*, is_hidden: bool) -> Progress:
    columns = (TextColumn("{task.description:>10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(file=sys.stderr), disable=is_hidden)


def _summary(result: BatchResult, *, seconds: float) -> dict[str, Any]:
    return {
        "placed": result.placed,
        "existing": result.existing,
        "endings": {ending: result.count(ending) for ending in ("shipped", "backordered", "cancelled")},
        "errors": result.errors,
        "seconds": round(seconds, 3),
    }


def _in_words(errors: list[dict[str, object]]) -> str:
    listed = "\n".join(f"  line {error['line']}: {error['reason']}" for error in errors[:SHOWN])
    more = len(errors) - SHOWN
    return f"{len(errors)} line(s) are in trouble:\n{listed}" + (f"\n  and {more} more" if more > 0 else "")
