"""`manage.py bench`: what durability costs, beside bare Celery canvas, DBOS and the database alone."""

from __future__ import annotations

import json
import os
import time
import uuid
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from config.system.boot.progress import say
from config.system.supervisor.leftovers import RUN_ID, end_leftovers
from orchestration.engine.database.owner import as_owner
from orchestration.operations.terminal.pages import console_for
from tests.apart import Apart
from tests.bench import page
from tests.bench.machine import describe
from tests.bench.options import add_options, chosen_sides
from tests.bench.profiling import profile
from tests.bench.report import as_json, terminal_tables
from tests.bench.run import Run
from tests.bench.shapes import TABLE
from tests.bench.turn import World


class Command(BaseCommand):
    """Progress goes to stderr. Exit status: 0 when all was measured, 2 for what cannot be done."""

    help = (
        "Run the same sagas with Orderly's engine, as bare Celery canvas, as DBOS workflows and as plain rows, in turns, "
        "in a world of their own that is thrown away, and compare."
    )
    apart: Apart | None = None
    """The world to do it in."""

    def add_arguments(self, parser: CommandParser) -> None:
        add_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if self.apart is None:
            raise CommandError("this command needs a world of its own: run it as `python3 manage.py bench`.")
        began = time.monotonic()
        run_id = uuid.uuid4().hex
        world = self._ready(self.apart, run_id)
        try:
            if options["profile"]:
                self.stdout.write(profile(world, options["profile"], options["shapes"], options["sagas"]))
                return
            machine = describe(world.template, world.watched_broker, world.folder.root)
            run = Run(
                world, chosen_sides(options["sides"], options["without"]), options["shapes"], options["rounds"],
                options["sagas"],
            )  # fmt: skip
            run.go()
        finally:
            end_leftovers(run_id, seconds=0)
        report = as_json(run, machine, time.monotonic() - began)
        console = console_for(self.stdout)
        for table in terminal_tables(report):
            console.print(table)
        if options["write"]:
            page.write(options["write"], report)
        if options["json"]:
            self.stdout.write(json.dumps(report, ensure_ascii=False))
            self.stdout.flush()

    def _ready(self, apart: Apart, run_id: str) -> World:
        """The database that every turn gets a copy of: all tables of this system, and the one of the steps."""
        os.environ.setdefault("CELERY_RESULT_BACKEND", settings.CELERY_RESULT_BACKEND)
        say(f"bench: data in {apart.folder.root}")
        call_command("migrate", interactive=False, verbosity=0)
        with as_owner(), connection.cursor() as cursor:
            cursor.execute(TABLE)
        connection.close()  # a database that somebody is connected to cannot be copied
        postgres = apart.servers.postgres
        return World(
            apart.folder,
            apart.servers,
            # Every turn makes and drops a copy, and begins with a checkpoint.
            postgres.superuser_url if postgres is not None else os.environ["DATABASE_URL"],
            os.environ["CELERY_BROKER_URL"],
            os.environ["CELERY_RESULT_BACKEND"],
            {RUN_ID: run_id},
        )
