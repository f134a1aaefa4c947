"""The second foreign project: a copy of it with the engine beside it, its two databases, and its commands and worker."""

from __future__ import annotations

import json
import os
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg2

from config.system.boot.apart import environment_apart
from tests.bootstrap.running_system import clean_environment
from tests.foreign.foreign_project import ForeignProject
from tests.roles import owner_url

ROOT = Path(__file__).resolve().parents[2]


class HallProject(ForeignProject):
    """The project in `tests/foreign/hall`."""

    application, queues = "hall_celery", "bookings,hall-engine"
    command = ("-W", "error::RuntimeWarning", "manage.py")

    def __init__(self, folder: Path, database: str, python: Path | None = None, **told: str) -> None:
        self.folder, self.log, self.reports = folder / "site", folder / "worker.log", folder / "reports"
        self.python = python or Path(sys.executable)
        shutil.copytree(ROOT / "tests" / "foreign" / "hall", self.folder)
        self.environment = {
            **clean_environment(),
            "DJANGO_SETTINGS_MODULE": "hall_settings",
            "PYTHONPATH": str(self.folder),
            "HALL_DATABASE": database,
            "HALL_BROKER": os.environ["CELERY_BROKER_URL"],
            "HALL_RESULTS": os.environ["CELERY_RESULT_BACKEND"],
            "C_FORCE_ROOT": "1",  # Celery starts no worker as root that accepts pickle
            **told,
        }
        if python is None:  # one that has the engine, and what else the project wants
            shutil.copytree(ROOT / "orchestration", self.folder / "orchestration")
            self.environment["PYTHONPATH"] += os.pathsep + str(_libraries())
            self.environment["HALL_SENTRY"] = str(self.reports)


def _libraries() -> Path:
    """Where psycopg 3 and Sentry are."""
    python = environment_apart("foreign", told="making an environment for somebody else's project")
    return Path(sysconfig.get_path("purelib", "venv", vars={"base": str(python.parents[1])}))


def run_halls(hall: HallProject) -> None:
    """Have its sagas run with a worker, and its commands and its admin looked at."""
    hall.run("check", "--fail-level", "WARNING")
    with hall.worker():
        assert json.loads(hall.run("let")) == {"opera": "completed", "haunted": "compensated"}
    visited = hall.run("look_around").split()
    assert (visited[0], int(visited[1]) > 10) == ("visited", True), visited


@contextmanager
def hall_with_tables(folder: Path, python: Path | None = None, **told: str) -> Iterator[HallProject]:
    """The project with two new databases on the run's server: the replica has the tables, and what is written never gets there."""
    server, name = owner_url(), f"hall_{uuid4().hex[:8]}"
    connection = psycopg2.connect(server)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
        try:
            project = HallProject(
                folder, urlunsplit(urlsplit(server)._replace(path=f"/{name}")), python, **told
            )
            project.run("migrate", "--verbosity", "0")
            cursor.execute(f"CREATE DATABASE {name}_replica TEMPLATE {name}")
            yield project
        finally:
            for each in (name, f"{name}_replica"):
                cursor.execute(f"DROP DATABASE IF EXISTS {each} WITH (FORCE)")
    connection.close()
