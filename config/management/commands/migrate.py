"""Django's `migrate`, made safe beside a system at work: it waits for a table only a moment, and then lets everybody pass.

Whoever asks for a table that is in use stands before all that come later, also before those who only read. A migration
behind one long transaction would so stop the whole shop; given up after a moment and begun anew, it stops it for that moment.

It works as the owner of the tables, and gives the application's role what that may have of each.
"""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands.migrate import Command as Migrate
from django.db import OperationalError, connections

from config.system.database_roles import put_application_right
from orchestration.command_line import seconds, whole_number
from orchestration.engine.database.connection import alias
from orchestration.engine.database.errors import LOCK_NOT_AVAILABLE, sqlstate
from orchestration.engine.database.owner import as_owner, has_owner, owner_alias

LOCK_SECONDS = 2.0
TRIES = 60
PAUSE_SECONDS = 1.0


def let_pass() -> None:
    """Leave the tables to those who were held up."""
    time.sleep(PAUSE_SECONDS)


class Command(Migrate):
    """Guarantees: as Django's; a migration that is given up has changed nothing, and the next try begins with it."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare Django's options and two more."""
        super().add_arguments(parser)
        parser.add_argument(
            "--lock-seconds",
            type=seconds(3_600),
            default=LOCK_SECONDS,
            help="how long to wait for a table at a time",
        )
        parser.add_argument(
            "--tries",
            type=whole_number(most=100_000),
            default=TRIES,
            help="how often to wait before giving up",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate; raises CommandError where the tables were never free."""
        if options["database"] not in {alias(), owner_alias()}:
            self._migrate(*args, **options)
            return
        options["database"] = alias()
        with as_owner():
            self._migrate(*args, **options)
            if has_owner() and not (options["plan"] or options["check_unapplied"]):
                put_application_right()

    def _migrate(self, *args: Any, **options: Any) -> None:
        tries, patience = options.pop("tries"), options.pop("lock_seconds")
        link = connections[options["database"]]
        for number in range(1, tries + 1):
            # A session's, because each migration has a transaction of its own.
            with link.cursor() as cursor:
                cursor.execute("SELECT current_setting('lock_timeout')")
                ((usual,),) = cursor.fetchall()
                cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{patience * 1000:.0f}ms"])
            try:
                super().handle(*args, **options)
            except OperationalError as error:
                if sqlstate(error) != LOCK_NOT_AVAILABLE:
                    raise
                self.stderr.write(f"A table is in use; tried {number} of {tries} times.")
            else:
                return
            finally:
                with link.cursor() as cursor:
                    cursor.execute("SELECT set_config('lock_timeout', %s, false)", [usual])
            if number < tries:
                let_pass()
        raise CommandError(
            f"A table that a migration needs was in use {tries} times for {patience:g} s. That migration has changed "
            "nothing. See pg_stat_activity for the transaction that is open so long, then migrate again."
        )
