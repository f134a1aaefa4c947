"""What the documents promise exists: each test that the guarantees name, each file that a page links to."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import orchestration

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize(
    ("page", "at_least"), [("guarantees.md", 100), ("failure-modes.md", 30), ("eleven-questions.md", 25)]
)
def test_every_test_that_a_promise_names_exists(page: str, at_least: int) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs" / page).read_text("utf-8"))
    assert len(named) >= at_least
    for file, function in named:
        tree = ast.parse((ROOT / file).read_text("utf-8"))
        functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert function in functions, f"{file} has no test {function}"


def test_every_promise_names_a_test() -> None:
    promised = (ROOT / "docs" / "guarantees.md").read_text("utf-8").split("## Not")[0]
    rows = [
        line
        for line in promised.splitlines()
        if line.startswith("| ") and not line.startswith(("| Promise", "|---"))
    ]
    assert rows
    assert [row for row in rows if "`tests/" not in row] == []


def test_every_failure_mode_names_a_test_or_says_that_there_is_none() -> None:
    page = (ROOT / "docs" / "failure-modes.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d+) \| .* \| ([^|]*) \|$", page, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 77))
    assert [number for number, shown in rows if "`tests/" not in shown and "not covered" not in shown] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_decision_has_a_number_of_its_own() -> None:
    decisions = sorted((ROOT / "docs" / "adr").glob("*.md"))
    numbers = [path.name[:4] for path in decisions]
    assert numbers == [f"{number:04}" for number in range(1, len(decisions) + 1)]
    assert [path.read_text("utf-8").split(". ")[0] for path in decisions] == [
        f"# {number}" for number in numbers
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_within_a_page_leads_to_a_heading_and_below_is_below(page: Path) -> None:
    lines = page.read_text("utf-8").splitlines()
    headings = {
        re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-"): number
        for number, line in enumerate(lines)
        if line.startswith("#")
    }
    for number, line in enumerate(lines):
        for words, target in re.findall(r"\[([^\]]*)\]\(#([^)]+)\)", line):
            assert target in headings, f"{page.name} has no heading for #{target}"
            below = headings[target] > number
            assert words not in ("above", "below") or (words == "below") == below, f"{page.name}:{number + 1}"


def test_the_public_names_of_the_engine() -> None:
    """A name here is a promise; adding or removing one is a decision."""
    assert sorted(orchestration.__all__) == sorted(
        [
            "NOT_NEEDED",
            "EffectDiffers",
            "Failure",
            "Kept",
            "Message",
            "NotNeeded",
            "OutcomeUnknown",
            "RetryPolicy",
            "SagaDefinition",
            "SagaError",
            "SkipRest",
            "StepContext",
            "StepError",
            "StepReference",
            "StepRejected",
            "StepRetryable",
            "choice",
            "days",
            "escalate",
            "external",
            "give_up",
            "hours",
            "local",
            "minutes",
            "nothing",
            "parallel",
            "saga",
            "seconds",
            "step",
            "wait_for",
        ]
    )
    assert all(hasattr(orchestration, name) for name in orchestration.__all__)
