"""Fixtures of the engine's tests: the sample's own table, an empty provider, and sagas run by hand or by a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from tests.orchestration import sample
from tests.orchestration.worker_run import WorkerRun, running_worker


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(sample.TABLE)


@pytest.fixture(autouse=True)
def _empty_provider() -> None:
    sample.provider.clear()


Runner = Callable[..., Any]


@pytest.fixture
def by_worker(transactional_db: None) -> Iterator[Runner]:
    """Start sagas that a real worker on the real broker carries."""
    with running_worker():
        yield WorkerRun
