"""The wheel, installed into a fresh environment: what it holds, and somebody else's projects run with it, with extras and without any."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.foreign.fresh import DISTRIBUTION, Environment, newest_python, wheel
from tests.foreign.hall_project import hall_with_tables, run_halls
from tests.foreign.tour_project import ROOT, TourProject, new_database

pytestmark = [pytest.mark.wheel, pytest.mark.acceptance]

OPTIONAL = {"redis", "rich", "django-unfold", "django-celery-results", "iso4217"}
REDIS, RABBITMQ, MEMCACHED = "redis://127.0.0.1:1/0", "amqp://127.0.0.1:1//", "cache+memcached://127.0.0.1:1/"
REPOSITORY = ("config", "orders", "payments", "shipping", "notifications", "tests")


def test_the_wheel_holds_the_engine_and_nothing_else() -> None:
    held = {name for name in ZipFile(wheel()).namelist() if ".dist-info/" not in name}
    kept = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "orchestration").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert held == kept
    assert "orchestration/py.typed" in held
    for folder in ("migrations", "templates", "static", "management/commands"):
        assert any(name.startswith(f"orchestration/{folder}/") for name in held), folder


def made(folder: Path, *beside: str, extras: Sequence[str] = ()) -> Environment:
    """An environment of the newest Python, with psycopg 3 and its pool."""
    environment = Environment(folder / "venv", newest_python())
    environment.install_engine("psycopg[binary,pool]>=3.3,<4", *beside, extras=extras)
    return environment


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Without extras."""
    return made(tmp_path_factory.mktemp("bare"))


@pytest.fixture(scope="module")
def with_redis(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """With the client of Redis, without which no worker of these projects could run."""
    return made(tmp_path_factory.mktemp("redis"), extras=["redis"])


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """With all extras."""
    return made(tmp_path_factory.mktemp("complete"), extras=["all"])


@pytest.fixture
def database() -> Iterator[str]:
    with new_database("tours") as address:
        yield address


def test_without_extras_it_installs_alone(bare: Environment, complete: Environment, tmp_path: Path) -> None:
    found = bare.finds("orchestration", *REPOSITORY, at=tmp_path)
    assert found.keys() == {"orchestration"}
    assert Path(found["orchestration"]).is_relative_to(bare.folder)
    assert DISTRIBUTION in bare.installed()
    assert not OPTIONAL & bare.installed().keys()
    assert complete.installed().keys() >= OPTIONAL


def test_without_extras_sagas_run_in_tests_and_are_printed_plainly(
    bare: Environment, database: str, tmp_path: Path
) -> None:
    tours = TourProject(tmp_path, database, python=bare.python, TOURS_BROKER=REDIS)
    told = tours.ended("-m", "django", "check").stderr
    assert "(orchestration.E319) CELERY_BROKER_URL has an address of the kind 'redis'" in told, told
    assert "HINT: Install it: pip install 'django-orderly[redis]'" in told
    tours.environment |= {"TOURS_BROKER": RABBITMQ, "TOURS_RESULTS": MEMCACHED}
    tours.django("check", "--fail-level", "WARNING")
    tours.django("migrate", "--verbosity", "0")
    walked = json.loads(tours.run("walk.py"))
    assert walked["ended"] == {"Ada": "completed", "nobody": "compensated"}
    said = walked["said"]
    headings, rule, *rows = (line.split() for line in said["saga list"].splitlines())
    assert headings == ["reference", "definition", "state", "milestone", "age", "incidents"]
    assert set("".join(rule)) == {"-"}
    assert ["Ada", "tours.book@1", "completed"] in [row[:3] for row in rows]
    assert "tours.hire said no" in said["saga show nobody"]
    assert "everything is in place" in said["verify"]
    assert all(said.values())


INSTALLED = [
    "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.messages",
    "django.contrib.sessions", "orchestration", "people", "bookings",
]  # fmt: skip


# Flow, commands and admin; `test_adopting.py` has a worker beside `celery_settings`.
@pytest.mark.parametrize("extras", [[], ["unfold", "django_celery_results"]], ids=["django's own", "unfold"])
def test_the_halls_run_and_are_looked_at(
    extras: list[str], with_redis: Environment, complete: Environment, tmp_path: Path
) -> None:
    environment = complete if extras else with_redis
    settings = json.dumps({"INSTALLED_APPS": [*extras, *INSTALLED]})
    with hall_with_tables(tmp_path, python=environment.python, HALL_SETTINGS=settings) as hall:
        run_halls(hall)
        # Rich draws lines; plain text has dashes.
        assert ("─" in hall.run("saga", "list")) is bool(extras)
