"""The engine alone in somebody else's Django and Celery project, with a real worker process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.foreign.tour_project import TourProject, new_database

pytestmark = pytest.mark.acceptance


@pytest.fixture
def project(tmp_path: Path) -> Iterator[TourProject]:
    with new_database("tours") as database:
        project = TourProject(tmp_path, database)
        project.take_engine_along()
        yield project


def test_a_saga_of_a_foreign_project_runs_with_its_own_celery_app_and_worker(project: TourProject) -> None:
    project.django("check", "--fail-level", "WARNING")
    init = project.folder / "tours" / "__init__.py"
    imports_the_app = init.read_text()
    init.write_text("")
    told = project.ended("-m", "django", "check")
    assert "(orchestration.E300) No Celery app of the project is current" in told.stderr
    init.write_text(imports_the_app)
    project.django("migrate", "--verbosity", "0")
    with project.worker():
        assert json.loads(project.run("book.py")) == {"Ada": "completed", "nobody": "compensated"}
    seen = project.log.read_text()
    for task in ("tours.reserve", "tours.hire", "tours.confirm", "tours.release", "orchestration.compensate"):
        assert f"Task {task}[" in seen
