"""The first foreign project: a copy of it, the database it works on, and its commands and worker."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg2

from tests.bootstrap.running_system import clean_environment, wait_until
from tests.roles import owner_url

ROOT = Path(__file__).resolve().parents[2]


class TourProject:
    """Where it lies, the Python that runs it, and what it is told."""

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

    def ended(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run its Python to the end."""
        return subprocess.run(
            [self.python, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=90,
        )

    def run(self, *arguments: str) -> str:
        """Run what must succeed, and return what it prints."""
        ended = self.ended(*arguments)
        assert ended.returncode == 0, ended.stderr[-3000:]
        return ended.stdout

    def django(self, *arguments: str) -> str:
        """Run a command of Django that must succeed."""
        return self.run("-m", "django", *arguments)

    @contextmanager
    def worker(self) -> Iterator[None]:
        """A real worker of the project, until the block ends."""
        options = ["-Q", "tours,tours-engine", "-c", "2", "-l", "INFO"]
        with self.log.open("w") as out:
            process = subprocess.Popen(
                [self.python, "-m", "celery", "-A", "site_celery", "worker", *options],
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
