"""The engine in a project with Django's own admin, psycopg 3, a user model, a replica, local time, a Task class and Sentry of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.foreign.hall_project import HallProject, hall_with_tables

pytestmark = pytest.mark.acceptance


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HallProject]:
    """The project, with the tables in both of its databases."""
    with hall_with_tables(tmp_path_factory.mktemp("hall")) as project:
        yield project


def test_it_passes_every_check_as_it_is_written(hall: HallProject) -> None:
    hall.run("check", "--fail-level", "WARNING")


def test_its_sagas_end_with_a_worker_of_its_own_and_people_can_look_at_them(hall: HallProject) -> None:
    with hall.worker():
        assert json.loads(hall.run("let")) == {"opera": "completed", "haunted": "compensated"}
    visited = hall.run("look_around").split()
    assert (visited[0], int(visited[1]) > 10) == ("visited", True), visited


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"DATABASE_ROUTERS": ["hall_routers.ApartRouter"]}, "orchestration.E203"),
    ],
)
def test_a_misconfiguration_is_named(hall: HallProject, settings: dict[str, Any], named: str) -> None:
    ended = hall.ended("check", "--fail-level", "WARNING", HALL_SETTINGS=json.dumps(settings))
    assert (ended.returncode, named in ended.stderr) == (1, True), ended.stderr
    assert "HINT" in ended.stderr
