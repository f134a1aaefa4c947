"""Every command of the project with rubbish in each of its places, found by asking its parser; and what may be answered."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand

HERE = "<here>"
"""Stands in a command line for what is to be tried."""
DJANGOS = {
    "help", "version", "settings", "pythonpath", "traceback", "no_color", "force_color", "skip_checks", "verbosity",
    "app_label", "migration_name", "database",
}  # fmt: skip
"""Options of every command, and Django's own."""
APPS = {"orchestration", "orders", "shipping", "payments", "notifications", "config", "tests"}

TEXTS: dict[str, str] = {
    "nothing": "", "blank": " ", "a word": "x", "minus one": "-1", "zero": "0", "a fraction": "1.5", "nan": "nan",
    "infinity": "inf", "a huge number": "9" * 30, "a number of 5,000 digits": "9" * 5_000, "digits of another script": "١٢",
    "a zero character": "a\0b", "a byte that is no text": "\udcff", "a long text": "x" * 100_000, "a list": "[1]",
    "an empty object": "{}", "an object": '{"a": 1}', "null": "null", "true": "true", "a text in JSON": '"x"', "no JSON": "{",
    "JSON in JSON": "[" * 100_000, "JSON with NaN": '{"a": NaN}', "JSON with a zero character": '{"a": "\\u0000"}', "SQL": "' OR 1=1 --",
    "a format": "%s {0} {ref}", "two lines": "a\nb", "a control character": "\x1b[31mred", "emoji": "🎉", "a folder": "/",
    "a path to nowhere": "/nowhere/at/all", "an id of nothing": "00000000-0000-0000-0000-000000000000",
}  # fmt: skip

PYTHONS = re.compile(
    r"object has no|unsupported operand|not supported between|unhashable|has no len|not iterable|not subscriptable|Traceback"
    r"|'\w+' object|<class|object at 0x|NoneType|invalid \w+ value|could not convert|too large to convert|literal for int|Error:\s*$"
    r"|codec can't|surrogates not allowed|Errno|psycopg|DETAIL:|LINE 1|KeyError|ValueError|TypeError|RecursionError|recursion depth"
    r"|Exceeds the limit|int_max_str_digits|out of range|embedded null|<function|lambda|JSONDecodeError"
)
"""Words of Python's, argparse's about our functions, or PostgreSQL's."""


@dataclass(frozen=True, slots=True)
class Place:
    """One option or argument of one command."""

    command: str
    subcommand: str
    option: str
    """As it is typed; of an argument, its name."""
    is_option: bool

    def __str__(self) -> str:
        return " ".join(filter(None, (self.command, self.subcommand, self.option)))

    def words(self, good: dict[str, str]) -> list[str]:
        """The words of a command line with HERE in this place, and what is `good` in every other that is needed."""
        words = [self.subcommand] if self.subcommand else []
        if self.is_option:
            words.append(f"{self.option}={HERE}")
        arguments = []
        for action in own_actions(parser_of(self.command, self.subcommand)):
            if not action.option_strings:
                arguments.append(HERE if self.option == action.dest else good[action.dest])
            elif action.required and action.option_strings[0] != self.option:
                words.append(f"{action.option_strings[0]}={good[action.dest]}")
        if self.subcommand == "settle":
            words.append("--done")
        if self.is_option and self.command == "restock":
            arguments = []
        return [self.command, *words, *(["--", *arguments] if arguments else [])]


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended."""

    status: int
    said: str


@cache
def our_commands() -> dict[str, BaseCommand]:
    """The commands of the project's apps."""
    return {name: load_command_class(app, name) for name, app in get_commands().items() if app in APPS}


@cache
def parser_of(command: str, subcommand: str = "") -> argparse.ArgumentParser:
    """The parser that reads a command's line. To make it takes longer than to read with it."""
    if subcommand:
        return _subparsers(parser_of(command))[subcommand]
    ours = our_commands()[command]
    ours._called_from_command_line = True  # type: ignore[attr-defined] # as `run_from_argv` says before it makes one
    parser: argparse.ArgumentParser = ours.create_parser("manage.py", command)
    return parser


def _subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def own_actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """What a parser takes beside Django's own."""
    return [
        action
        for action in parser._actions
        if action.dest not in DJANGOS and not isinstance(action, argparse._SubParsersAction)
    ]


def places() -> Iterator[Place]:
    """Every place of every command that takes a value."""
    for name in sorted(our_commands()):
        parser = parser_of(name)
        for subcommand in _subparsers(parser) or {"": parser}:
            for action in own_actions(parser_of(name, subcommand)):
                if action.nargs == 0:
                    continue
                option = action.option_strings[0] if action.option_strings else action.dest
                yield Place(name, subcommand, option, bool(action.option_strings))


def type_in(words: list[str]) -> Answer:
    """Run a command as `manage.py` does; what it says on stderr and how it ends."""
    command = our_commands()[words[0]]
    said = StringIO()
    made_once = patch.object(command, "create_parser", lambda *args, **options: parser_of(words[0]))
    # The system checks say the same whatever was typed, and take most of a command's time.
    unchecked = patch.object(command, "requires_system_checks", new=list[str]())
    with (
        _no_connection_closed(),
        made_once,
        unchecked,
        patch.object(sys, "stderr", said),
        patch.object(sys, "stdout", StringIO()),
    ):
        command.stderr = type(command.stderr)(said)
        command.stdout = type(command.stdout)(StringIO())
        try:
            command.run_from_argv(["manage.py", *words])
        except SystemExit as end:
            return Answer(end.code if isinstance(end.code, int) else 1, said.getvalue())
    return Answer(0, said.getvalue())


@contextmanager
def _no_connection_closed() -> Iterator[None]:
    """A command closes its connections at its end; a test needs them."""
    with patch("django.db.connections.close_all"):
        yield


def files(folder: Path) -> dict[str, Path]:
    """Files that a command may be given and can do nothing with."""
    made = {
        "no bytes": b"", "no text": b"\xff\xfe\x00", "a list": b"[1]", "a number": b"1", "null": b"null", "no JSON": b"{",
        "JSON in JSON": b"[" * 200_000, "lists for objects": b'{"products": [[1]]}', "a huge number": b'{"products": [' + b"9" * 6_000 + b"]}",
        "an object": b'{"products": {}}', "numbers for texts": b'{"products": [{"sku": 1, "name": [], "unit_price": {}}]}',
        "a zero character": b'{"products": [{"sku": "a\\u0000", "name": "b"}], "lines": "\\u0000"}',
        "half a pair": b'{"products": [{"sku": "\\ud800", "name": "b", "unit_price": "1", "currency": "USD", "units_in_stock": 1}]}',
        "words that are none": b'{"products": [{"sku": "a", "name": "b", "unit_price": "1", "currency": "USD", "units_in_stock": 1}], "search_words": {"a": 1}}',
        "words with a zero character": b'{"products": [{"sku": "a", "name": "b", "unit_price": "1", "currency": "USD", "units_in_stock": 1}], "search_words": {"\\u0000": "\\ud800"}}',
        "a list of words": b'{"products": [{"sku": "a", "name": "b", "unit_price": "1", "currency": "USD", "units_in_stock": 1}], "search_words": [1]}',
        "an infinite price": b'{"products": [{"sku": "a", "name": "b", "unit_price": Infinity, "currency": "USD", "units_in_stock": 1}]}',
    }  # fmt: skip
    found = {}
    for name, content in made.items():
        found[name] = folder / f"{name.replace(' ', '_')}.json"
        found[name].write_bytes(content)
    return found | {"a folder": folder, "a file that is not there": folder / "not_there"}


def rows(model: Any) -> list[Any]:
    """All rows of a table, to compare."""
    return list(model.objects.order_by("pk").values_list())
