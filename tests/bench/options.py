"""The options of `manage.py bench`, read before anything is started."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable

from orchestration.command_line import file, one_of
from orchestration.core.definition.arguments import shown
from tests.bench.shapes import SHAPES
from tests.chaos.options import number

SIDES = ("bare", "distributed", "run_ahead", "dbos", "floor")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare them."""
    parser.add_argument("--rounds", type=number(1), default=5, help="rounds, each with every side (5)")
    parser.add_argument(
        "--sagas", type=number(10), default=300, help="sagas of each side, shape and round (300)"
    )
    parser.add_argument("--shapes", type=_names(SHAPES), default=tuple(SHAPES), help=", ".join(SHAPES))
    parser.add_argument("--sides", type=_names(SIDES), default=SIDES, help=", ".join(SIDES))
    parser.add_argument("--without", type=_names(SIDES), default=(), help="sides to leave out")
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    parser.add_argument("--write", type=file, metavar="FILE", help="write the page, and its chart beside it")
    parser.add_argument(
        "--profile",
        type=one_of(("bare", "distributed", "run_ahead")),
        metavar="SIDE",
        help="profile this side's worker instead",
    )


def chosen_sides(sides: Iterable[str], without: Iterable[str]) -> list[str]:
    """The sides to measure, in their order."""
    left_out = set(without)
    return [side for side in SIDES if side in set(sides) and side not in left_out]


def _names(known: Iterable[str]) -> Callable[[str], tuple[str, ...]]:
    def read(text: str) -> tuple[str, ...]:
        names = tuple(name.strip() for name in text.split(","))
        if unknown := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"{shown(unknown[0])} is none of {', '.join(known)}")
        return names

    return read
