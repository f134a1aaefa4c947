"""`manage.py prune`: remove what is old enough, in small batches, beside a system at work."""

from __future__ import annotations

import argparse
import json
import time
from datetime import timedelta
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from orchestration.command_line import seconds, whole_number
from orchestration.engine.database.owner import as_owner
from orchestration.operations.terminal.pages import console_for
from orchestration.operations.terminal.pruned import pruned_page, report, written
from orchestration.retention.ages import Age, read_age
from orchestration.retention.registry import ages_in_force, kinds
from orchestration.retention.run import Pruned, prune


class Command(BaseCommand):
    """Progress goes to stderr. Exit status: 0 when all that is old enough is gone, 1 when others held it up."""

    help = (
        "Remove ended sagas and messages that are old enough, by outcome and age. Orders and what else belongs to the "
        "business stay. May be interrupted and run again at any time."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        self._wrong = ""
        try:
            ages = ages_in_force()
        except ImproperlyConfigured as error:  # `--help` works all the same
            self._wrong = str(error)
            ages = {kind.name: read_age(kind.usual) for kind in kinds()}
        for kind in kinds():
            parser.add_argument(
                f"--{kind.name}",
                type=_age,
                default=ages[kind.name],
                metavar="AGE",
                help=f"{kind.what} ({written(ages[kind.name])})",
            )
        parser.add_argument(
            "--batch",
            type=whole_number(most=10_000),
            default=100,
            metavar="N",
            help="rows per transaction (100)",
        )
        parser.add_argument(
            "--pause", type=seconds(60), default=0.05, metavar="SECONDS", help="between two batches (0.05)"
        )
        parser.add_argument("--dry-run", action="store_true", help="only count; lock and remove nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON object last")

    def handle(self, *args: Any, **options: Any) -> None:
        if self._wrong:
            raise CommandError(self._wrong, returncode=2)
        known = kinds()
        ages: dict[str, Age] = {kind.name: options[kind.name.replace("-", "_")] for kind in known}
        self._told_at, began, done = 0.0, time.monotonic(), Pruned()
        try:
            # What the application works as may not remove a saga.
            with as_owner():
                prune(
                    known,
                    ages,
                    batch=options["batch"],
                    pause=options["pause"],
                    dry_run=options["dry_run"],
                    tell=self._tell,
                    done=done,
                )
        finally:  # also after Ctrl-C: what is gone is gone
            facts = report(done, ages, seconds=time.monotonic() - began)
            if options["json"]:
                self.stdout.write(json.dumps(facts, ensure_ascii=False))
            else:
                console_for(self.stdout).print(*pruned_page(facts), sep="\n")
            self.stdout.flush()
        if not done.complete:
            raise CommandError(
                f"others held locks on {', '.join(done.gave_way)} for too long; run it again", returncode=1
            )

    def _tell(self, name: str, so_far: Pruned) -> None:
        if time.monotonic() - self._told_at < 1.0:
            return
        self._told_at = time.monotonic()
        rows = sum(so_far.removed.values())
        verb = "would remove" if so_far.dry_run else "removed"
        self.stderr.write(f"{name}: {verb} {rows} rows so far", lambda text: text)
        self.stderr.flush()


def _age(text: str) -> timedelta | None:
    try:
        return read_age(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
