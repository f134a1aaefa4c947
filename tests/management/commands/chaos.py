"""`manage.py chaos`: a whole system under load, killed and disturbed by a plan, and whether every promise held."""

from __future__ import annotations

import json
import os
import random
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.system.boot.progress import say
from orchestration.operations.terminal.pages import console_for
from tests.apart import Apart
from tests.chaos.options import add_options
from tests.chaos.plan import make_plan
from tests.chaos.report import print_report
from tests.chaos.run import Run, impossible
from tests.chaos.stage import Stage


class Command(BaseCommand):
    """Progress goes to stderr. Exit status: 0 when every promise held, 1 when one did not, 2 for what cannot be done."""

    help = (
        "Run a whole system in a data folder of its own, kill and disturb it under load, and prove that no order is "
        "lost, nothing happens twice and everything ends. When that fails, the folder is kept."
    )
    apart: Apart | None = None
    """The world to do it in."""

    def add_arguments(self, parser: CommandParser) -> None:
        add_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if self.apart is None:
            raise CommandError("this command needs a world of its own: run it as `python3 manage.py chaos`.")
        seed = options["seed"] if options["seed"] is not None else random.randrange(10**6)
        say(
            f"chaos: {options['sagas']} orders, {options['kills']} kills, seed {seed}; data in {self.apart.folder.root}"
        )
        servers = self.apart.servers
        broker_is_ours = servers.valkey is not None and os.environ["CELERY_BROKER_URL"] == servers.valkey.url(
            0
        )
        cannot = impossible(broker_is_ours=broker_is_ours, database_is_ours=servers.postgres is not None)
        self.apart.keep, was_kept = True, self.apart.keep
        try:
            with Stage(self.apart) as stage:
                plan = make_plan(
                    seed=seed, sagas=options["sagas"], kills=options["kills"], shelf=stage.shelf, cannot=cannot,
                    minutes=options["minutes"],
                )  # fmt: skip
                report = Run(stage, plan).go()
        except (KeyboardInterrupt, SystemExit):
            self.apart.keep = was_kept
            raise
        self.apart.keep = was_kept or not report.ok
        print_report(console_for(self.stdout), report)
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json(), ensure_ascii=False))
            self.stdout.flush()
        if not report.ok:
            raise CommandError(
                f"{len(report.violations)} violations, {len(report.vacuous)} vacuous; everything is kept in "
                f"{self.apart.folder.root}. Again: --sagas {options['sagas']} --kills {options['kills']} --seed {seed}",
                returncode=1,
            )
