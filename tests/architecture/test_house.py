"""The house stays one that a person can hold: rooms instead of long corridors, and files that are read at a sitting."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("config", "orchestration", "orders", "payments", "shipping", "notifications", "tests")
MOST_LINES = 400
MOST_FLAT_IN_ENGINE = 6
MOST_CONFIGURATION = 3_000
"""Lines of `config/` that are settings, addresses and wiring; what runs a system lies in `config/system/`."""


def test_no_file_is_longer_than_a_person_can_hold() -> None:
    long = {str(path.relative_to(ROOT)): lines for path, lines in _lengths() if lines > MOST_LINES}
    assert long == {}


def test_the_engine_is_divided_into_rooms() -> None:
    flat = [path.name for path in (ROOT / "orchestration" / "engine").glob("*.py")]
    assert len(flat) <= MOST_FLAT_IN_ENGINE, flat


def test_configuration_is_configuration() -> None:
    lines = {
        path: count
        for path, count in _lengths()
        if path.is_relative_to(ROOT / "config") and not path.is_relative_to(ROOT / "config" / "system")
    }
    assert 0 < sum(lines.values()) <= MOST_CONFIGURATION, lines


def _lengths() -> Iterator[tuple[Path, int]]:
    for part in PARTS:
        for path in sorted((ROOT / part).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path, len(path.read_text("utf-8").splitlines())
