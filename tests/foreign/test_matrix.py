"""Somebody else's projects run with the wheel on each Python, Django, Celery and driver that `pyproject.toml` allows, both ends of each range."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.foreign.fresh import Environment, declared, found_pythons
from tests.foreign.hall_project import hall_with_tables, run_halls
from tests.foreign.tour_project import TourProject, new_database, run_tours

pytestmark = [pytest.mark.matrix, pytest.mark.acceptance]

PYTHONS = found_pythons()
OLDEST, NEWEST = next(iter(PYTHONS)), list(PYTHONS)[-1]
PSYCOPG = ("psycopg[binary,pool]>=3.2,<4",)
EXTRAS = ("redis", "admin", "terminal", "results", "money")


@dataclass(frozen=True)
class Row:
    """One combination: a Python, what is asked for beside the wheel, and how versions are chosen."""

    python: str
    beside: tuple[str, ...] = PSYCOPG
    resolution: str = "highest"
    with_halls: bool = False
    """Whether the second project runs, too, with its pool, its admin and every command."""

    def __str__(self) -> str:
        return " ".join([self.python, self.resolution, *self.beside])


PSYCOPG_2 = tuple(declared("psycopg2"))
LOWEST = tuple(requirement for part in ("", *EXTRAS) for requirement in declared(part))
ROWS = [
    *(Row(python, with_halls=python == NEWEST) for python in PYTHONS),
    *(Row(NEWEST, (f"Django=={version}.*", *PSYCOPG_2)) for version in ("5.2", "6.0")),
    *(Row(NEWEST, (f"celery=={version}.*", *PSYCOPG)) for version in ("5.5", "5.6")),
    # The lowest of each range is older than some wheels of the newest Python.
    Row(OLDEST, (*LOWEST, *PSYCOPG), "lowest-direct", with_halls=True),
    Row(OLDEST, (*LOWEST, *PSYCOPG_2), "lowest-direct"),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_projects_run_with(row: Row, tmp_path: Path) -> None:
    environment = Environment(tmp_path / "venv", PYTHONS[row.python])
    environment.install_engine(*row.beside, extras=EXTRAS, resolution=row.resolution)
    installed = environment.installed()
    print(row, {name: installed[name] for name in SHOWN if name in installed})  # noqa: T201
    if row.resolution == "lowest-direct":
        assert all(installed[name] in (end, f"{end}.0") for name, end in lowest().items()), installed
    with new_database("tours") as database:
        project = TourProject(tmp_path, database, python=environment.python)
        assert run_tours(project) == {"Ada": "completed", "nobody": "compensated"}
    if row.with_halls:
        with hall_with_tables(tmp_path / "hall", python=environment.python) as hall:
            run_halls(hall)


SHOWN = (
    "django",
    "celery",
    "kombu",
    "redis",
    "pydantic",
    "psycopg",
    "psycopg2-binary",
    "django-unfold",
    "rich",
)


def lowest() -> dict[str, str]:
    """The lower ends of the ranges that name one and decide alone."""
    ends = {}
    for requirement in declared():
        name, lower = re.split(r">=|,", requirement)[:2]
        ends[name.lower()] = lower
    return {name: ends[name] for name in ("django", "pydantic")}
