"""`manage.py test`: checks the servers that were named, then becomes pytest (see `tests/plugin.py`)."""

from __future__ import annotations

import argparse
import os
import sys

from config.system.boot.paths import PROJECT
from config.system.servers.outside import refuse_unreachable

MOST_AT_ONCE = 6
"""Parallel workers of the whole suite at most: the server of the tests has databases for seven (see `tests/plugin.py`)."""


def in_parallel(arguments: list[str], *, cores: int) -> list[str]:
    """Return what is to be added to pytest's arguments, so that a whole run uses all cores.

    Args:
        arguments: as a person gave them; where they name what is to run, or how, nothing is added.
        cores: of this machine.
    """
    ways = ("--numprocesses", "--dist", "-p", "--pdb", "--collect-only", "--co", "--version", "--help", "-h")
    for argument in arguments:
        name = argument.partition("=")[0]
        is_path = not name.startswith("-") and (PROJECT / argument.partition("::")[0]).exists()
        if is_path or name in ways or name.startswith("-n"):
            return []
    at_once = min(cores, MOST_AT_ONCE)
    # By module: what a module shares, a running system most of all, is made once. In their order: a browser's loop keeps the
    # database from every test behind it, so those come last.
    return ["-n", str(at_once), "--dist", "loadscope", "--no-loadscope-reorder"] if at_once > 1 else []


def run_tests(arguments: list[str]) -> int:
    """Replace this process by pytest with `arguments`; raises Refusal where a named server cannot be used."""
    parser = argparse.ArgumentParser(prog="manage.py test", add_help=False, allow_abbrev=False)
    parser.add_argument("--broker", default="")
    parser.add_argument("--database", default="")
    chosen, _ = parser.parse_known_args(arguments)
    refuse_unreachable(databases=[chosen.database], broker=chosen.broker, results="")
    if not chosen.broker and not chosen.database:  # what others use too is not shared out
        arguments = [*in_parallel(arguments, cores=os.cpu_count() or 1), *arguments]
    os.chdir(PROJECT)
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *arguments])
