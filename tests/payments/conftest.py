"""A real sandbox gateway for the tests: its own process on a free port, with a ledger file of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from orchestration import Failure, StepContext
from orchestration.providers.conformance import RunningSandbox, running_sandbox
from payments.gateway import Gateway, gateway
from payments.gateway_memory import InMemoryGateway

CLIENT_TIMEOUT = 1.5
"""Seconds; the sandbox hangs for longer."""


def start(ledger: Path, **environment: str) -> AbstractContextManager[RunningSandbox]:
    return running_sandbox("payments.sandbox", "ORDERLY_GATEWAY", ledger, environment)


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with start(tmp_path_factory.mktemp("gateway") / "ledger.sqlite3") as running:
        yield running


@pytest.fixture(scope="session")
def forgetful_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    """A gateway whose authorizations have expired as soon as they are made."""
    ledger = tmp_path_factory.mktemp("forgetful") / "ledger.sqlite3"
    with start(ledger, ORDERLY_GATEWAY_AUTHORIZATION_DAYS="0") as running:
        yield running


def use(settings: Any, sandbox: RunningSandbox) -> None:
    """Point the project at this gateway."""
    settings.PAYMENTS_GATEWAY = "payments.gateway_http.HttpGateway"
    settings.PAYMENTS_GATEWAY_URL = sandbox.url
    settings.PAYMENTS_GATEWAY_SECRET = sandbox.secret
    settings.PAYMENTS_GATEWAY_LEDGER = sandbox.ledger
    settings.PAYMENTS_GATEWAY_TIMEOUT = CLIENT_TIMEOUT


@pytest.fixture
def real_gateway(settings: Any, sandbox: RunningSandbox) -> Gateway:
    use(settings, sandbox)
    return gateway()


@pytest.fixture
def forgetful_gateway(settings: Any, forgetful_sandbox: RunningSandbox) -> Gateway:
    use(settings, forgetful_sandbox)
    return gateway()


@pytest.fixture(params=["memory", "http"])
def any_gateway(request: pytest.FixtureRequest, settings: Any) -> Iterator[Gateway]:
    """Each adapter there is: a test with this fixture is part of the contract."""
    settings.PAYMENTS_GATEWAY_TIMEOUT = CLIENT_TIMEOUT
    found = InMemoryGateway() if request.param == "memory" else request.getfixturevalue("real_gateway")
    yield found
    found.close()


@pytest.fixture(params=["memory", "http"])
def any_forgetful_gateway(request: pytest.FixtureRequest, settings: Any) -> Iterator[Gateway]:
    settings.PAYMENTS_GATEWAY_TIMEOUT = CLIENT_TIMEOUT
    in_memory = request.param == "memory"
    found = (
        InMemoryGateway(authorization_days=0.0) if in_memory else request.getfixturevalue("forgetful_gateway")
    )
    yield found
    found.close()


@pytest.fixture
def context() -> Callable[..., StepContext]:
    """What the engine would tell a step; a new idempotency key each time, unless one is given."""

    def make(*, key: str | None = None, failure: Failure | None = None) -> StepContext:
        return StepContext(
            saga_id=uuid4(),
            business_key="order",
            step="step",
            direction="forward",
            attempt=1,
            idempotency_key=key or f"{uuid4()}/step/forward/1",
            trace_id=uuid4().hex,
            product_line="",
            failure=failure,
        )

    return make
