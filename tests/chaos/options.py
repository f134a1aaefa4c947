"""The options of `manage.py chaos`, read before anything is started."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable

from orchestration.command_line import whole_number
from orchestration.core.definition.arguments import shown


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare them."""
    parser.add_argument("--sagas", type=number(1), default=200, help="orders (200)")
    parser.add_argument("--kills", type=number(0), default=20, help="processes to kill (20)")
    parser.add_argument(
        "--seed", type=whole_number(0, 2**63), help="of the plan; drawn and printed when left out"
    )
    parser.add_argument(
        "--minutes",
        type=_minutes,
        default=0.0,
        help="length of the load; chosen by orders and kills when left out",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object last")


def number(least: int) -> Callable[[str], int]:
    """The type of an option that is a whole number, at least so much."""

    def read(text: str) -> int:
        if re.fullmatch("[0-9]{1,6}", text) is None or not least <= int(text) <= 100_000:
            raise argparse.ArgumentTypeError(f"{shown(text)} is not a whole number from {least} to 100000")
        return int(text)

    return read


def _minutes(text: str) -> float:
    minutes = float(text) if re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,9})?", text) else 0.0
    if not 0 < minutes <= 24 * 60:
        raise argparse.ArgumentTypeError(f"{shown(text)} is not a number of minutes above 0")
    return minutes
