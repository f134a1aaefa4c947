"""`manage.py saga_check`: would this code strand a saga that is under way? Run it against the database before a deployment."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from orchestration.engine.database.snapshot import reading
from orchestration.operations.stranding import Outlook, outlook
from orchestration.operations.terminal.words import harmless


class Command(BaseCommand):
    """With --json one object is last on stdout. Exit status: 0, or 1 when a saga would be stranded."""

    help = "Name the open sagas that this code would strand. Changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        with reading():
            found = outlook()
        if options["json"]:
            self.stdout.write(json.dumps(_facts(found), ensure_ascii=False))
        else:
            for each in found.stranded:
                self.stdout.write(harmless(f"{each.saga} {each.saga.id}: {'; '.join(each.why)}"))
            self.stdout.write(
                f"{found.open} open sagas, {len(found.stranded)} of them stranded by this code."
            )
            if found.changed:
                self.stdout.write(
                    f"{found.changed} began with a flow that has changed since under its version, and can go on; "
                    "give a changed flow the next version."
                )
        self.stdout.flush()
        if found.stranded:
            raise CommandError(f"this code would strand {len(found.stranded)} saga(s)", returncode=1)


def _facts(found: Outlook) -> dict[str, Any]:
    return {
        "ok": not found.stranded,
        "open": found.open,
        "changed": found.changed,
        "stranded": [
            {
                "id": str(each.saga.id),
                "reference": each.saga.reference,
                "definition": each.saga.definition,
                "version": each.saga.version,
                "state": each.saga.state,
                "why": each.why,
            }
            for each in found.stranded
        ],
    }
