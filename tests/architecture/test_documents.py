"""README and docs name only what exists: commands that parse, settings, variables, files, modules, faults, incidents."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import pytest
from django.core.management import CommandError, get_commands, load_command_class
from django.core.management.base import BaseCommand

from config.celery import app
from config.system.supervisor import options
from orchestration.core.definition import registry
from orchestration.core.definition.references import StepReference
from orchestration.core.planning.kinds import IncidentKind
from orchestration.drawing.svg import svg
from orchestration.verification import discover
from tests.browser.pictures import FLOW, IMAGES, PICTURES

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
PACKAGES = ("config", "orchestration", "orders", "payments", "shipping", "notifications")
RIGS = {"bench", "chaos", "crash_matrix"}
"""Commands with a parser of their own, below `config/management`."""
NO_COMMANDS = {"COMMAND"}
OURS = ("saga", "saga_check", "restock", "prune", "place_orders", "import_catalog", "verify", *sorted(RIGS))
"""Also found where a sentence leaves `python3 manage.py` out."""
SOURCES = [
    *chain.from_iterable((ROOT / package).rglob("*.py") for package in (*PACKAGES, "tests")),
    *(ROOT / "docs").rglob("*.example"),
]


def names_of(page: Path) -> list[str]:
    """What stands between backticks, outside of blocks."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`([^`\n]+)`", text)


def command_lines(page: Path) -> Iterator[str]:
    """Every command line of ours, in blocks and in sentences, without its comment."""
    text = page.read_text("utf-8")
    for block in re.findall(r"^```\w*\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if found := re.search(r"python3 manage\.py\b(.*)", line):
                yield re.split(r"\s#\s|\s\||\s>\s|\s&|`", found[1])[0].strip()
    for name in names_of(page):
        if found := re.match(rf"(?:(?:python3 )?manage\.py )?((?:{'|'.join(OURS)})(?: .*)?)", name):
            yield found[1].strip()


LINES = sorted({(page.name, line) for page in PAGES for line in command_lines(page)})


@pytest.mark.parametrize(("page", "line"), LINES, ids=lambda value: str(value))
def test_every_command_that_a_page_prints_can_be_typed(page: str, line: str) -> None:
    line = re.sub(r"\[[^\]]*\]|--data-dir \S+", " ", line)
    words = [word for word in shlex.split(line) if word]
    if not words or words[0] in NO_COMMANDS:
        return
    name, *arguments = words
    if name == "up":
        options.parse(arguments)
    elif name in ("down", "status"):
        assert set(arguments) <= {"--json"}
    elif name == "test":
        files = [word.split("::")[0] for word in arguments if "/" in word]
        assert [file for file in files if not (ROOT / file).exists()] == []
    else:
        parse(name, arguments)


def parse(name: str, arguments: list[str]) -> None:
    """Have the command's own parser read it; raises what it would say to a person."""
    assert name in get_commands(), f"there is no command {name}"
    given = get_commands()[name]
    command = given if isinstance(given, BaseCommand) else load_command_class(given, name)
    numbers = {"S": "3", "N": "3", "PERCENT": "5", "SECONDS": "3", "MESSAGE": "7"}
    parser = command.create_parser("manage.py", name)
    if len(arguments) == 1 and arguments[0].islower() and not arguments[0].startswith("-"):
        assert arguments[0] in subcommands(parser), (
            f"{name} has no {arguments[0]}"
        )  # it is named, and not printed to be typed
    elif arguments:
        parser.parse_args([numbers.get(word, word) for word in arguments])


def subcommands(parser: argparse.ArgumentParser) -> set[str]:
    """The words that may follow a command."""
    found = (action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return {name for choices in found for name in choices}


def test_a_command_that_cannot_be_typed_is_found() -> None:
    for wrong in ("saga pause NW-1", "saga pausing", "saga settle NW-1 x --perhaps", "nonsense"):
        name, *arguments = wrong.split()
        with pytest.raises((CommandError, AssertionError)):
            parse(name, arguments)
    with pytest.raises(SystemExit):
        options.parse(["--prot", "1"])


def test_every_picture_is_made_by_the_command_and_shown_on_a_page() -> None:
    pages = "".join(page.read_text("utf-8") for page in PAGES)
    shown = {Path(found).name for found in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", pages)}
    there = {path.name for path in IMAGES.iterdir() if path.suffix != ".txt"}
    assert shown == there == {*(f"{name}.png" for name in PICTURES), FLOW.name, "bench.svg"}
    assert {path.stem for path in IMAGES.glob("*.txt")} == set(PICTURES)


def test_the_picture_of_the_flow_is_of_today() -> None:
    assert FLOW.read_text("utf-8") == svg(registry.latest("orders.fulfil"))


def test_the_number_of_checks_that_is_printed_is_that_of_today() -> None:
    printed = re.search(
        r"^All (\d+) checks: everything is in place",
        (ROOT / "docs" / "quickstart.md").read_text("utf-8"),
        re.M,
    )
    assert printed
    assert int(printed[1]) == len(discover())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_variable_and_setting_that_a_page_names_is_read_somewhere(page: Path) -> None:
    named = set(re.findall(r"\bORDERLY_[A-Z_]+[A-Z]\b", page.read_text("utf-8")))
    assert sorted(name for name in named if not any(re.search(rf"\b{name}\b", text) for text in code())) == []


def test_every_setting_of_the_engine_that_is_documented_exists() -> None:
    from orchestration.conf import EngineSettings

    page = (ROOT / "docs" / "writing-sagas.md").read_text("utf-8")
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", page, flags=re.MULTILINE))
    known = (
        set(EngineSettings.model_fields)
        if hasattr(EngineSettings, "model_fields")
        else set(EngineSettings.__annotations__)
    )
    assert documented <= known
    assert documented >= {name for name in known if not name.startswith("_")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_fault_that_a_page_names_can_be_raised(page: Path) -> None:
    named = {name for name in names_of(page) if re.fullmatch(r"[EW]\d{3}", name)}
    assert sorted(name for name in named if not any(f'{name}"' in text for text in code())) == []


def test_every_fault_that_can_be_raised_is_explained() -> None:
    raised = set(re.findall(r'"(?:(?:orchestration|config)\.)?([EW]\d{3})"', "\n".join(code(*PACKAGES))))
    explained = {name for name in names_of(ROOT / "docs" / "checks.md") if re.fullmatch(r"[EW]\d{3}", name)}
    assert raised == explained


def test_the_kinds_of_incidents_are_those_that_exist() -> None:
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    section = page.split("## Incidents")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE)) == {
        kind.value for kind in IncidentKind
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    roots = "|".join((*PACKAGES, "tests", "docs", "requirements"))
    named = {
        found[1]
        for name in names_of(page)
        if (found := re.fullmatch(rf"((?:{roots})/[\w./-]+?)(?:::?\w+)*", name))
        and not re.search(r"[A-Z]{3,}", found[1])
    }
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_module_and_name_that_a_page_names_exists(page: Path) -> None:
    known = words_of_the_house()
    dotted = {name for name in names_of(page) if re.fullmatch(rf"(?:{'|'.join(PACKAGES)})(?:\.\w+)+", name)}
    assert sorted(name for name in dotted if name not in known and not is_there(name)) == []


def words_of_the_house() -> set[str]:
    """Names with a dot that are no modules: definitions, steps, events, and what begins like a module in a setting."""
    definitions = registry.everything()
    app.loader.import_default_modules()
    found = set(app.tasks) | {definition.name for definition in definitions}
    for definition in definitions:
        found |= {node.name for node in definition.walk() if hasattr(node, "name")}
        found |= {wait.event for wait in definition.waits.values()}
        for step in definition.steps.values():
            found |= {each.task for each in (step.reference, step.undo) if isinstance(each, StepReference)}
    return found


def is_there(name: str) -> bool:
    """Whether a dotted name is a module, something in one, or written so in the code: a task, a permission, a check."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        module = ".".join(parts[:end])
        try:
            if find_spec(module) is None:
                continue
        except (ImportError, AttributeError):
            continue
        thing = import_module(module)
        for part in parts[end:]:
            if not hasattr(thing, part):
                break
            thing = getattr(thing, part)
        else:
            return True
        break
    return any(f'"{name}"' in text for text in code())


def code(*packages: str) -> list[str]:
    """The text of every source of ours, or of some packages."""
    if not _TEXTS:
        _TEXTS.update({path: path.read_text("utf-8") for path in SOURCES if path != Path(__file__)})
    return [
        text for path, text in _TEXTS.items() if not packages or path.relative_to(ROOT).parts[0] in packages
    ]


_TEXTS: dict[Path, str] = {}


def test_a_name_that_is_nowhere_is_found() -> None:
    assert is_there("orchestration.testing.SagaRun")
    assert not is_there("orchestration.testing.SagaWalk")
    assert not is_there("orchestration.nowhere")
