"""A pytest plugin for projects with sagas: `pytest -p orchestration.testing.pytest_plugin`, or `pytest_plugins` in a conftest.

    def test_an_order_ships(client, db, saga_of):
        client.post("/orders", ...)
        assert saga_of(Order.objects.get().id).until_rest().state == "completed"

Imports the engine only when a fixture is asked for, so that it can be loaded before Django is set up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def saga_of() -> Callable[..., Any]:
    """`SagaRun.of`: takes over the saga of a business key, with faults if the test wants some."""
    from orchestration.testing import SagaRun

    return SagaRun.of


@pytest.fixture
def run_sagas() -> Callable[..., Any]:
    """`run_all`: carries every open saga until it rests."""
    from orchestration.testing import run_all

    return run_all
