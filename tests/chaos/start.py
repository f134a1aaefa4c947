"""Starts the command `chaos` in a world of its own, and hands it that world: it ends the servers in it and starts them again."""

from __future__ import annotations

import argparse
import signal

from config.system.boot.paths import DataFolder
from tests.apart import run_command
from tests.chaos.options import add_options


def run(argv: list[str], named: DataFolder | None) -> int:
    """Run the command line and return its exit status.

    Raises:
        Refusal: the named folder is in use, or a server that the environment names cannot be used.
    """
    # A script's background process is started with Ctrl-C ignored; who sends it still means it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parser = argparse.ArgumentParser(prog="manage.py chaos", allow_abbrev=False)
    add_options(parser)
    parser.parse_known_args(argv[2:])  # a wrong option is told before servers are started
    return run_command("chaos", argv, named, lasting=True)
