"""The page and the chart of the benchmark, from a report that was made up."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from tests.bench.chart import NAMES, chart
from tests.bench.page import document, write


def figure(median: float) -> dict[str, float]:
    return {"median": median, "min": median * 0.8, "max": median * 1.1}


def side(speed: float) -> dict[str, Any]:
    return {
        "sagas_per_second": figure(speed), "p50_ms": figure(20), "p99_ms": figure(50),
        "cpu_ms": {"worker": figure(10), "client": figure(2), "database": None, "broker": figure(1)},
        "queries": 12.0, "commits": 7.0, "connections": 0.0, "messages": 6.0, "published_bytes": 7670.0, "events": 0, "event_bytes": 0,
        "broker_bytes": None, "statements": {},
    }  # fmt: skip


@pytest.fixture
def report() -> dict[str, Any]:
    speeds = {"bare": 190, "distributed": 95.4, "run_ahead": 480, "dbos": 100, "floor": 900}
    sides = {name: side(speed) for name, speed in speeds.items()}
    known = {"distributed/bare": figure(0.5), "run_ahead/bare": figure(2.5), "run_ahead/dbos": None}
    return {
        "ratios": {"distributed/bare": 0.5, "run_ahead/bare": 2.5, "run_ahead/dbos": None},
        "shapes": {shape: {"ratios": known, "sides": sides} for shape in ("chain", "parallel")},
        "rounds": 5, "sagas": 300, "steps_per_saga": 6, "seconds": 400,
        "machine": {
            "cpu": "A <fast> one", "cores": 2, "memory_gb": 4, "system": "Linux 6", "filesystem": "ext4", "python": "3.11.7",
            "celery": "5.7.0", "kombu": "5.7.0", "django": "5.2", "psycopg2-binary": "2.9", "postgresql": "18.1",
            "broker": "valkey 9.1", "load_before": 0.3,
        },
    }  # fmt: skip


def test_the_chart_is_a_picture_by_itself_and_says_what_it_shows(report: dict[str, Any]) -> None:
    drawn = chart(report)
    root = ElementTree.fromstring(drawn)  # noqa: S314 - our own
    texts = [text for element in root.iter() if (text := element.text)]
    for name in NAMES.values():
        assert texts.count(name) == 2
    assert any("0.50 × bare" in text for text in texts)
    assert "prefers-color-scheme:dark" in drawn
    assert drawn.count("http") == 1  # the namespace: nothing is loaded from elsewhere
    (described,) = [text for text in texts if text.startswith("chain: ")]
    assert "Orderly, distributed 95.4" in described


def test_bars_are_as_long_as_their_figures(report: dict[str, Any]) -> None:
    root = ElementTree.fromstring(chart(report))  # noqa: S314 - our own
    bars = [float(each.get("width", 0)) for each in root.iter() if each.get("class") in {"ours", "other"}]
    assert len(bars) == 10
    assert bars[0] / bars[4] == pytest.approx(190 / 900, rel=0.01)


def test_the_page_has_every_side_and_what_was_not_measured_is_a_dash(
    report: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "performance.md"
    write(file, json.loads(json.dumps(report)))
    page = file.read_text()
    assert (tmp_path / "images" / "bench.svg").read_text().startswith("<svg")
    assert "(images/bench.svg)" in page
    for name in NAMES.values():
        assert page.count(f"| {name} |") == 2
    assert "| `run_ahead/dbos` | – | – | – |" in page
    assert "| `distributed/bare` | 0.50 (0.40–0.55) | 0.50 (0.40–0.55) | 0.50 |" in page
    assert "data on ext4" in page
    assert max(map(len, page.split("## Method")[1].splitlines())) <= 120


def test_a_mode_that_changed_nothing_is_told_as_such(report: dict[str, Any]) -> None:
    assert "did not run ahead" in " ".join(document(report).split())
    for shape in report["shapes"].values():
        shape["sides"]["run_ahead"] = {**shape["sides"]["run_ahead"], "messages": 1.2}
    assert "did not run ahead" not in " ".join(document(report).split())
