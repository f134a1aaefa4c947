"""The world of the model test, and the saga's own table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from orchestration.crash.points import listening
from tests.durability import chain
from tests.durability.trip import TABLE
from tests.durability.world import World


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(TABLE)


@pytest.fixture
def world(transactional_db: None) -> Iterator[World]:
    """An empty world; its frozen processes end with the test."""
    made = World()
    with listening(made.processes.reach):
        yield made
        made.close()


@pytest.fixture
def empty_chain() -> Iterator[None]:
    """The chain's provider of this process, as if nobody had ever asked it."""
    chain.provider.__init__()  # type: ignore[misc]  # the participants of this process know this one object
    chain.seen_by_undo.clear()
    yield
    chain.provider.heal()
