"""The first foreign project: a copy of it, the database it works on, and its commands and worker."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg2

from tests.bootstrap.running_system import clean_environment
from tests.foreign.foreign_project import ForeignProject
from tests.roles import owner_url

ROOT = Path(__file__).resolve().parents[2]


class TourProject(ForeignProject):
    """The project in `tests/foreign/project`."""

    application, queues = "site_celery", "tours,tours-engine"

    def __init__(
        self, folder: Path, database: str, *, python: Path | str = sys.executable, **told: str
    ) -> None:
        self.folder, self.log, self.python = folder / "site", folder / "worker.log", python
        shutil.copytree(ROOT / "tests" / "foreign" / "project", self.folder)
        self.environment = {
            **clean_environment(),
            "DJANGO_SETTINGS_MODULE": "site_settings",
            "PYTHONPATH": str(self.folder),
            "TOURS_DATABASE": database,
            "TOURS_POOLED": os.environ.get("ORDERLY_POOLED", ""),
            "TOURS_BROKER": os.environ["CELERY_BROKER_URL"],
            "TOURS_RESULTS": os.environ["CELERY_RESULT_BACKEND"],
            **told,
        }

    def take_engine_along(self) -> None:
        """Copy the engine beside it, and nothing else of ours."""
        shutil.copytree(ROOT / "orchestration", self.folder / "orchestration")

    def django(self, *arguments: str) -> str:
        """Run a command of Django that must succeed."""
        return self.run("-m", "django", *arguments)


def run_tours(project: TourProject) -> dict[str, str]:
    """Have its tours run with a worker, and return how they ended."""
    project.django("check", "--fail-level", "WARNING")
    project.django("migrate", "--verbosity", "0")
    with project.worker():
        ended: dict[str, str] = json.loads(project.run("book.py"))
    return ended


@contextmanager
def new_database(prefix: str) -> Iterator[str]:
    """The address of a database of its own on the run's server."""
    server, name = owner_url(), f"{prefix}_{uuid4().hex[:8]}"
    connection = psycopg2.connect(server)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
        try:
            yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        finally:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
    connection.close()
