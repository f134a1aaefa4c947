"""One clock decides, the database's: no code of the engine asks its own machine what time it is, nor gives a message a time."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OWN_CLOCK = {
    ("time", "time"), ("time", "time_ns"), ("time", "localtime"), ("time", "gmtime"), ("timezone", "now"), ("timezone", "localtime"),
    ("timezone", "localdate"), ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"),
}  # fmt: skip
ALLOWED = {
    # When a process reached a point where a test has it die: evidence for the judge of that test.
    "orchestration/crash/points.py",
    # How old a saga is, on a page for people.
    "orchestration/admin/filters.py",
    "orchestration/admin/saga_page.py",
    "orchestration/admin/sagas.py",
    "orchestration/operations/terminal/pages.py",
    # When a step that had no message began: for Flower, which shows it.
    "orchestration/broker/ahead.py",
    # When a sandbox was called: it stands in for somebody else's system, which has a clock of its own.
    "orchestration/providers/sandbox/ledger.py",
    # Ids that lie together in an index; nothing is ordered by them.
    "orchestration/models/ids.py",
    # When a message was taken from Redis, as kombu's own transport notes it: compared with the clocks of workers alone.
    "orchestration/broker/redis_transport.py",
}
TIMED = {"countdown", "eta", "expires"}
"""Arguments that would make a worker's clock decide when a message counts."""


def _modules(package: str) -> Iterator[Path]:
    return (path for path in sorted((ROOT / package).rglob("*.py")) if "migrations" not in path.parts)


def _asks_its_own_clock(source: str) -> list[int]:
    """Lines that read the machine's clock, called or handed on."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
            if (owner, node.attr) in OWN_CLOCK:
                found.append(node.lineno)
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            found += [node.lineno for name in node.names if ("time", name.name) in OWN_CLOCK]
    return found


def _gives_a_time(source: str) -> list[int]:
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [call.lineno for call in calls for word in call.keywords if word.arg in TIMED]


def test_the_engine_asks_only_the_databases_clock() -> None:
    found = {
        str(path.relative_to(ROOT)): lines
        for path in _modules("orchestration")
        if (lines := _asks_its_own_clock(path.read_text("utf-8")))
    }
    assert set(found) == ALLOWED, found


def test_no_message_carries_a_time_at_which_it_counts() -> None:
    for package in ("orchestration", "orders", "payments", "shipping", "notifications"):
        for path in _modules(package):
            assert not _gives_a_time(path.read_text("utf-8")), path


@pytest.mark.parametrize(
    "line",
    [
        "at = timezone.now()", "at = django.utils.timezone.now()", "at = time.time()", "Field(default=timezone.now)",
        "at = datetime.datetime.now(UTC)", "at = datetime.now()", "from time import time",
    ],
)  # fmt: skip
def test_each_way_to_ask_is_found(line: str) -> None:
    assert _asks_its_own_clock(line) == [1]
    assert _asks_its_own_clock("stop_at = time.monotonic() + 3; row.ended_at = Now()") == []
    assert _gives_a_time("task.apply_async(countdown=3)") == [1]
