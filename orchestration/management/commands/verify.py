"""`manage.py verify`: look whether everything that must be true of the rows is true."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from orchestration.operations.terminal.checks import report, report_page
from orchestration.operations.terminal.pages import console_for
from orchestration.verification import run_invariants


class Command(BaseCommand):
    """Progress goes to stderr. Exit status: 0 when everything is in place, 1 when something is not."""

    help = "Check what must be true of sagas, money, stock, parcels and e-mails. Changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")

    def handle(self, *args: Any, **options: Any) -> None:
        results = run_invariants(tell=self._tell)
        if options["json"]:
            self.stdout.write(json.dumps(report(results), ensure_ascii=False))
        else:
            console_for(self.stdout).print(*report_page(results), sep="\n")
        self.stdout.flush()
        wrong = sum(not result.ok for result in results)
        if wrong:
            raise CommandError(f"{wrong} check(s) found something out of place", returncode=1)

    def _tell(self, name: str) -> None:
        self.stderr.write(f"checking {name}", lambda text: text)
