"""Starts the command `crash_matrix` in a world of its own."""

from __future__ import annotations

from config.system.boot.paths import DataFolder
from config.system.supervisor.django_command import status_of
from tests.apart import run_apart


def run(argv: list[str], named: DataFolder | None) -> int:
    """Run the command line and return its exit status.

    Raises:
        Refusal: the named folder is in use, or a server that the environment names cannot be used.
    """

    def act() -> None:
        import django

        django.setup()
        from tests.management.commands.crash_matrix import Command

        Command().run_from_argv(argv)

    return run_apart(lambda: status_of(act), named)
