"""The engine in a project with Django's own admin, psycopg 3, a user model, a replica, local time, a Task class and Sentry of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
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
    reports = [json.loads(line) for line in hall.reports.read_text().splitlines()]
    told = [report for report in reports if "exception" in report]
    assert {report["exception"]["values"][-1]["type"] for report in told} == {"KeyError"}
    assert all("bookings.bill" in str(report["logentry"]) for report in told)
    assert "Retry in" not in hall.log.read_text()  # as its base Task would have it
    visited = hall.run("look_around").split()
    assert (visited[0], int(visited[1]) > 10) == ("visited", True), visited


@dataclass(frozen=True)
class Wrong:
    """One thing that is wrong, and the id that names it."""

    named: str
    settings: dict[str, Any]
    environment: dict[str, str] = field(default_factory=dict)
    asked: tuple[str, ...] = ()


SQLITE = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
WRONG = [
    Wrong("E203", {"DATABASE_ROUTERS": ["hall_routers.ApartRouter"]}),
    Wrong("E301", {"CELERY_RESULT_BACKEND": None}),
    Wrong("E301", {"CELERY_RESULT_BACKEND": "rpc://"}),
    Wrong("E302", {"CELERY_ACCEPT_CONTENT": ["pickle"]}),
    Wrong("E303", {"CELERY_TASK_ALWAYS_EAGER": True}),
    Wrong("E304", {"DATABASES": {"default": SQLITE, "replica": SQLITE}}),
    Wrong("E304", {"ORCHESTRATION": {"DATABASE": "nowhere"}}),
    Wrong("E305", {"DATABASES": {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "x", "OPTIONS": {"server_side_binding": True}}}}),
    Wrong("E306", {}, {"HALL_TASK": "AtomicTask"}),
    Wrong("E301", {"CELERY_RESULT_BACKEND": "file:///tmp"}),
    Wrong("E301", {"CELERY_RESULT_BACKEND": "cache+memory://"}),
    Wrong("E307", {}, {"HALL_TASK": "HurriedTask"}),
    Wrong("E307", {"CELERY_TASK_ANNOTATIONS": {"bookings.heat": {"time_limit": 10}}}),
    Wrong("E308", {"DATABASES": {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "x", "AUTOCOMMIT": False}}}),
    Wrong("E309", {"DATABASES": {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "x", "OPTIONS": {"options": "-c default_transaction_read_only=on"}}}}),
    Wrong("E309", {}, {"PGOPTIONS": "-c default_transaction_read_only=on"}, ("--database", "default")),
    Wrong("E310", {"CELERY_TASK_ANNOTATIONS": {"*": {"expires": 60}}}),
    Wrong("W311", {"CELERY_TASK_ANNOTATIONS": {"*": {"acks_late": False}}}),
    Wrong("E312", {"CELERY_TASK_PROTOCOL": 1}),
    Wrong("E313", {"CELERY_BROKER_URL": "memory://"}),
    Wrong("W314", {"CELERY_BROKER_URL": None}),
    Wrong("W315", {"CELERY_BROKER_URL": "filesystem://"}),
    Wrong("W316", {"CELERY_WORKER_PREFETCH_MULTIPLIER": 0}),
    Wrong("W317", {"CELERY_BROKER_URL": "redis://127.0.0.1:1/0", "CELERY_BROKER_TRANSPORT_OPTIONS": {"visibility_timeout": 5}}),
    Wrong("E318", {"CELERY_TASK_CREATE_MISSING_QUEUES": False}),
]  # fmt: skip


def test_each_misconfiguration_is_named_with_a_hint(hall: HallProject) -> None:
    def check(wrong: Wrong) -> subprocess.CompletedProcess[str]:
        settings = json.dumps(wrong.settings)
        return hall.ended(
            "check", "--fail-level", "WARNING", *wrong.asked, HALL_SETTINGS=settings, **wrong.environment
        )

    with ThreadPoolExecutor(3) as pool:
        for wrong, ended in zip(WRONG, pool.map(check, WRONG), strict=True):
            assert ended.returncode == 1, wrong
            assert f"(orchestration.{wrong.named})" in ended.stderr, (wrong, ended.stderr)
            assert "HINT" in ended.stderr
