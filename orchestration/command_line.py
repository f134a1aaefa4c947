"""What a command line may hold: each type says in a sentence what to write, instead of the name of a function of ours.

For `add_argument(type=...)` of argparse; and how a command that people are to type is printed. Knows no Django.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from orchestration.core.definition.arguments import LARGEST_INTEGER, plain, shown
from orchestration.core.storable import is_storable_text, storable

LARGEST_ID = 2**63 - 1
_WHOLE = re.compile(r"-?[0-9]{1,20}")
_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")


def manage(*words: str) -> str:
    """Return any command of `manage.py` between backticks."""
    return f"`{shlex.join(['python3', 'manage.py', *words])}`"


def whole_number(least: int = 1, most: int = LARGEST_INTEGER) -> Callable[[str], int]:
    """A whole number within these bounds."""

    def read(text: str) -> int:
        if _WHOLE.fullmatch(text.strip()) is None or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(
                f"{shown(text)} is no whole number from {least} to {most}; write one, such as {max(least, min(5, most))}"
            )
        return int(text)

    return read


def seconds(most: float, *, above_zero: bool = False) -> Callable[[str], float]:
    """A number of seconds, at most so many."""

    def read(text: str) -> float:
        found = float(text) if _NUMBER.fullmatch(text.strip()) else -1.0
        if found < 0 or found > most or (above_zero and found == 0):
            least = "above 0, up to" if above_zero else "from 0 to"
            raise argparse.ArgumentTypeError(
                f"{shown(text)} is no number of seconds {least} {most:g}; write one, such as 0.5"
            )
        return found

    return read


def text(what: str, most: int = 200, write: str = "write") -> Callable[[str], str]:
    """A text that can be stored, for example a name.

    Args:
        what: what it is, for the sentence that refuses another.
        most: how many characters it may have.
        write: what to do instead, up to "a text of".
    """

    def read(given: str) -> str:
        if not given.strip() or len(given) > most or not is_storable_text(given):
            raise argparse.ArgumentTypeError(
                f"{shown(given)} is not {what}; {write} a text of 1 to {most} characters"
            )
        return given

    return read


def one_of(names: Collection[str]) -> Callable[[str], str]:
    """One of these words."""

    def read(given: str) -> str:
        if given not in names:
            raise argparse.ArgumentTypeError(
                f"invalid choice: {shown(given)}; write one of {', '.join(names)}"
            )
        return given

    return read


def file(given: str) -> Path:
    """The path of a file. Whether it is there, whoever opens it finds out."""
    if not given.strip() or "\0" in given or len(given) > 4_096:
        raise argparse.ArgumentTypeError(f"{shown(given)} is no path; write the name of a file")
    return Path(given)


def file_to_write(given: str) -> Path:
    """The path of a file that can be made: what is to be written takes long to find out."""
    path = file(given)
    try:
        is_folder, has_folder = path.is_dir(), path.parent.is_dir()
    except OSError:
        is_folder, has_folder = False, False
    if is_folder or not has_folder:
        raise argparse.ArgumentTypeError(
            f"{plain(given)} is a folder; name a file in it"
            if is_folder
            else f"the folder {plain(str(path.parent))} does not exist; make it or name another"
        )
    return path


def json_object(given: str) -> dict[str, Any]:
    """A JSON object that the database can keep."""
    try:
        found = json.loads(given, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"this is not JSON: {error}") from None
    except RecursionError:
        raise argparse.ArgumentTypeError("this JSON is nested too deeply") from None
    except ValueError:
        raise argparse.ArgumentTypeError(
            "this JSON has a number that is none, or has too many digits; write a smaller one"
        ) from None
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError('write a JSON object, such as {"refund_id": "re_1"}')
    if storable(found) != found:
        raise argparse.ArgumentTypeError(
            "this JSON holds what cannot be stored: a zero character, half a pair of characters, or a number without end"
        )
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(name)
