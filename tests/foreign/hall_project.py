"""The second foreign project: a copy of it with the engine beside it, its two databases, and its commands and worker."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg2

from config.system.boot.apart import environment_apart
from tests.bootstrap.running_system import clean_environment, wait_until
from tests.roles import owner_url

ROOT = Path(__file__).resolve().parents[2]


class HallProject:
    """Where it lies, and how its commands are run."""

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

    def ended(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command of its `manage.py` to the end."""
        return subprocess.run(
            [self.python, "-W", "error::RuntimeWarning", "manage.py", *arguments],
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=90,
        )

    def run(self, *arguments: str, **environment: str) -> str:
        """Run a command that must succeed, and return what it prints."""
        ended = self.ended(*arguments, **environment)
        assert ended.returncode == 0, ended.stderr[-3000:]
        return ended.stdout

    @contextmanager
    def worker(self, *options: str) -> Iterator[None]:
        """A real worker of the project, until the block ends."""
        queues = ["-Q", "bookings,hall-engine", "-c", "2", "-l", "INFO"]
        with self.log.open("w") as out:
            process = subprocess.Popen(
                [self.python, "-m", "celery", "-A", "hall_celery", "worker", *queues, *options],
                cwd=self.folder,
                env=self.environment,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        try:
            wait_until(lambda: " ready." in self.log.read_text(), "the worker is ready", 30)
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


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
