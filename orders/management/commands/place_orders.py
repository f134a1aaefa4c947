"""`manage.py place_orders FILE`: place a file of orders, one JSON object a line; optionally follow them to the end."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from orchestration.command_line import file, seconds
from orchestration.core.definition.arguments import shown
from orders.batch.following import StillUnderWay, WorkersGone
from orders.batch.placing import BatchResult, follow_to_endings, place_lines
from orders.batch.reading import read_lines
from orders.batch.workers import missing_workers

SHOWN = 20
"""Errors listed before the rest is only counted; the JSON has them all."""


class Command(BaseCommand):
    """Progress, and what is waited for, go to stderr; the last line on stdout is a JSON object.

    Exit status: 0 when every line is placed, 1 when some are not, 2 when no worker is there to do the work,
    3 when `--at-most` is over and orders are still under way.
    """

    help = "Place the orders of a file, one JSON object a line. Safe to repeat: a reference is placed once."

    def add_arguments(self, parser: CommandParser) -> None:
        """One file, and how long to stay."""
        parser.add_argument("file", type=file, metavar="FILE", help="- is standard input")
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
        parser.add_argument(
            "--at-most",
            type=seconds(31_536_000, above_zero=True),
            metavar="SECONDS",
            help="with --wait: stay no longer, name the orders that have not ended, and end with status 3",
        )
        parser.add_argument("--json", action="store_true", help="no progress bar; only the JSON object")

    def _say(self, sentence: str) -> None:
        self.stderr.write(sentence, lambda text: text)

    def handle(self, *args: Any, **options: Any) -> None:
        """Place, follow, report."""
        began = time.monotonic()
        if options["at_most"] is not None and not options["wait"]:
            raise CommandError("--at-most says how long --wait stays; give both")
        try:
            lines = list(read_lines(options["file"]))  # read once: a pipe has no second time
        except OSError as error:
            raise CommandError(f"cannot read {shown(str(options['file']))}: {error.strerror}") from None
        if (options["wait"] or options["sequential"]) and (why := missing_workers()) is not None:
            raise CommandError(f"nothing was placed: {why}", returncode=2)
        result = BatchResult()
        gone: WorkersGone | None = None
        late: StillUnderWay | None = None
        with _progress_bar(is_hidden=options["json"]) as bar:
            placing = bar.add_task("placing", total=len(lines))
            try:
                place_lines(
                    lines,
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
                        say=self._say,
                        at_most=options["at_most"],
                    )
            except StillUnderWay as error:
                late = error
            except WorkersGone as error:
                gone = error
        self.stdout.write(json.dumps(_summary(result, seconds=time.monotonic() - began)))
        self.stdout.flush()
        if gone is not None:
            raise CommandError(
                f"{gone} What is placed stays placed and goes on when a worker is there.", returncode=2
            )
        if late is not None:
            raise CommandError(str(late), returncode=3)
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
