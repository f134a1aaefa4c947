"""The engine alone in somebody else's Django and Celery project, with a real worker process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg2
import pytest

from tests.bootstrap.running_system import clean_environment, wait_until
from tests.roles import owner_url

pytestmark = pytest.mark.acceptance

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def database() -> Iterator[str]:
    """A database of its own on the run's server."""
    server, name = owner_url(), f"tours_{uuid4().hex[:8]}"
    connection = psycopg2.connect(server)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
        yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
    connection.close()


def test_a_saga_of_a_foreign_project_runs_with_its_own_celery_app_and_worker(
    tmp_path: Path, database: str
) -> None:
    project = tmp_path / "site"
    shutil.copytree(ROOT / "tests" / "foreign" / "project", project)
    shutil.copytree(ROOT / "orchestration", project / "orchestration")  # the engine, and nothing else of ours
    environment = {
        **clean_environment(),
        "DJANGO_SETTINGS_MODULE": "site_settings",
        "PYTHONPATH": str(project),
        "TOURS_DATABASE": database,
        "TOURS_POOLED": os.environ.get("ORDERLY_POOLED", ""),
        "TOURS_BROKER": os.environ["CELERY_BROKER_URL"],
        "TOURS_RESULTS": os.environ["CELERY_RESULT_BACKEND"],
    }

    def run(*arguments: str) -> str:
        ended = subprocess.run(
            [sys.executable, *arguments],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ended.returncode == 0, ended.stderr[-3000:]
        return ended.stdout

    run("-m", "django", "check", "--fail-level", "WARNING")
    init = project / "tours" / "__init__.py"
    imports_the_app = init.read_text()
    init.write_text("")
    told = subprocess.run(
        [sys.executable, "-m", "django", "check"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert "(orchestration.E300) No Celery app of the project is current" in told.stderr
    init.write_text(imports_the_app)
    run("-m", "django", "migrate", "--verbosity", "0")
    log = tmp_path / "worker.log"
    with log.open("w") as out:
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "site_celery", "worker", "-Q", "tours,tours-engine", "-c", "2", "-l", "INFO"],
            cwd=project, env=environment, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    try:
        wait_until(lambda: " ready." in log.read_text(), "the worker is ready", 30)
        assert json.loads(run("book.py")) == {"Ada": "completed", "nobody": "compensated"}
        seen = log.read_text()
        for task in (
            "tours.reserve",
            "tours.hire",
            "tours.confirm",
            "tours.release",
            "orchestration.compensate",
        ):
            assert f"Task {task}[" in seen
    finally:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
