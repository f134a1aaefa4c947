"""Starts the command `bench` in a world of its own, with servers that keep what they have committed."""

from __future__ import annotations

import argparse
import os
import signal
from urllib.parse import parse_qs, urlsplit

from config.system.boot.paths import DataFolder
from config.system.boot.progress import Refusal
from tests.apart import run_command
from tests.bench.dbos_environment import dbos_python
from tests.bench.options import add_options, chosen_sides


def run(argv: list[str], named: DataFolder | None) -> int:
    """Run the command line and return its exit status.

    Raises:
        Refusal: the named folder is in use, a server that the environment names cannot be used, or DBOS is missing.
    """
    # A script's background process is started with Ctrl-C ignored; who sends it still means it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parser = argparse.ArgumentParser(prog="manage.py bench", allow_abbrev=False)
    add_options(parser)
    options = parser.parse_args(argv[2:])  # a wrong option is told before servers are started
    sides = chosen_sides(options.sides, options.without)
    if not sides:
        raise Refusal("no side is left to measure: --without names all of --sides.")
    if options.write is not None and not options.write.absolute().parent.is_dir():
        raise Refusal(f"{options.write.absolute().parent} is not a folder, so --write cannot write there.")
    if options.write is not None and options.write.is_dir():
        raise Refusal(f"{options.write} is a folder: name a file in it for --write.")
    if not os.environ.get("CELERY_RESULT_BACKEND", "redis").startswith("redis"):
        raise Refusal("CELERY_RESULT_BACKEND must be Redis or Valkey: it counts the chords of every side.")
    _refuse_encryption(os.environ.get("DATABASE_URL", ""))
    if "dbos" in sides and not options.profile:
        dbos_python()
    return run_command("bench", argv, named, lasting=True)


def _refuse_encryption(database: str) -> None:
    demanded = parse_qs(urlsplit(database).query).get("sslmode", ["prefer"])[-1]
    if demanded in {"require", "verify-ca", "verify-full"}:
        raise Refusal(
            "DATABASE_URL demands encryption, and statements are counted by reading along. Measure on a server "
            "that is reached without it."
        )
