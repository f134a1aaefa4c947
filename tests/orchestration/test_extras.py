"""What the engine does where an optional package is not installed. `tests/foreign/test_wheel.py` tries it in a real environment without them."""

from __future__ import annotations

import subprocess
import sys
from io import StringIO

import pytest

from orchestration.operations.terminal import plain, rendering

ROOM = "orchestration.operations.terminal"


def without(package: str, statement: str) -> subprocess.CompletedProcess[str]:
    """Run a statement in a process that finds no such package."""
    program = f"import sys; sys.modules[{package!r}] = None; {statement}"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("package", "module", "extra"),
    [
        ("redis", "orchestration.redis_transport", "redis"),
        ("redis", "orchestration.broker.redis_transport", "redis"),
        ("iso4217", "orchestration.money", "money"),
        ("httpx", "orchestration.providers.http", "providers"),
    ],
)
def test_what_needs_a_package_says_how_to_install_it(package: str, module: str, extra: str) -> None:
    ended = without(package, f"from {module} import *")
    assert ended.returncode == 1
    assert f"is not installed. Install it: pip install 'django-orderly[{extra}]'" in ended.stderr


def test_what_can_do_without_a_package_does() -> None:
    told = without("rich", f"from {ROOM}.rendering import Table; print(Table.__module__)")
    assert told.stdout.strip() == f"{ROOM}.plain", told.stderr
    told = without(
        "redis", "from orchestration.broker.client_errors import BROKER_ERRORS; print(BROKER_ERRORS)"
    )
    assert "OperationalError" in told.stdout, told.stderr
    assert "RedisError" not in told.stdout


def test_each_class_of_a_page_has_a_plain_one() -> None:
    for name in rendering.__all__:
        assert hasattr(plain, name), name


def printed(*pages: plain.RenderableType) -> list[str]:
    out = StringIO()
    plain.Console(file=out, highlight=False, width=120).print(*pages, sep="\n", markup=False)
    return out.getvalue().splitlines()


def test_a_plain_table_is_aligned_under_its_headings() -> None:
    table = plain.Table(box=plain.box.SIMPLE_HEAD, title="Steps", caption="2 of 2", caption_justify="left")
    table.add_column("step", overflow="fold")
    table.add_column("took", justify="right", ratio=1)
    table.add_row(plain.Text("trips.hold_seat", style="bold"), "0.10 s")
    table.add_row("trips.charge", plain.Text("12.00 s").append_text(plain.Text("\nagain")))
    assert printed(table) == [
        "Steps",
        "step                took",
        "----                ----",
        "trips.hold_seat   0.10 s",
        "trips.charge     12.00 s",
        "                   again",
        "2 of 2",
    ]


def test_a_plain_grid_panel_and_text_keep_their_content() -> None:
    grid = plain.Table.grid(padding=(0, 2))
    grid.add_column(style="bright_black")
    grid.add_column()
    grid.add_row("state", plain.Text("done").append(" (paused)", style="yellow"))
    panel = plain.Panel(grid, title=plain.Text("trips.book@1"), title_align="left", box=plain.box.ROUNDED)
    told = plain.Padding(plain.Text("\n").join([plain.Text("one"), plain.Text("two")]), (0, 0, 1, 2))
    assert printed(panel, told, "end") == [
        "trips.book@1", "  state  done (paused)", "", "  one", "  two", "", "end",
    ]  # fmt: skip


def test_an_empty_plain_table_is_its_headings() -> None:
    table = plain.Table()
    table.add_column("rows")
    assert printed(table, plain.Table.grid()) == ["rows", "----"]
