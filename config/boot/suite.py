"""`manage.py test`: checks the servers that were named, then becomes pytest (see `tests/plugin.py`)."""

from __future__ import annotations

import argparse
import os
import sys

from config.boot.paths import PROJECT
from config.servers.outside import refuse_unreachable


def run_tests(arguments: list[str]) -> int:
    """Replace this process by pytest with `arguments`; raises Refusal where a named server cannot be used."""
    parser = argparse.ArgumentParser(prog="manage.py test", add_help=False, allow_abbrev=False)
    parser.add_argument("--broker", default="")
    parser.add_argument("--database", default="")
    chosen, _ = parser.parse_known_args(arguments)
    refuse_unreachable(databases=[chosen.database], broker=chosen.broker, results="")
    os.chdir(PROJECT)
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *arguments])
