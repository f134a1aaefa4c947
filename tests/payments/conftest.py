"""A real sandbox gateway for the tests: its own process on a free port, with a ledger file of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from orchestration import Failure, StepContext
from payments.gateway import Gateway, gateway
from payments.gateway_memory import InMemoryGateway

CLIENT_TIMEOUT = 1.5
"""Seconds; the sandbox hangs for longer."""

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Sandbox:
    """A running gateway."""

    url: str
    secret: str
    ledger: Path
    process: subprocess.Popen[str]


@contextmanager
def running_sandbox(ledger: Path, **environment: str) -> Iterator[Sandbox]:
    """Start a gateway, and make sure that it has ended afterwards."""
    secret = uuid4().hex
    variables = {
        "ORDERLY_GATEWAY_PORT": "0",
        "ORDERLY_GATEWAY_LEDGER": str(ledger),
        "ORDERLY_GATEWAY_SECRET": secret,
        "ORDERLY_GATEWAY_HANG_SECONDS": "4",
        "PATH": os.environ["PATH"],
        **environment,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "payments.sandbox"],
        cwd=PROJECT,
        env=variables,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().rpartition(" ")[2].strip()
            assert url.startswith("http://127.0.0.1:")
            yield Sandbox(url=url, secret=variables["ORDERLY_GATEWAY_SECRET"], ledger=ledger, process=process)
        finally:
            process.kill()


@pytest.fixture
def start_sandbox() -> Callable[..., AbstractContextManager[Sandbox]]:
    return running_sandbox


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("gateway") / "ledger.sqlite3") as running:
        yield running


@pytest.fixture(scope="session")
def forgetful_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A gateway whose authorizations have expired as soon as they are made."""
    ledger = tmp_path_factory.mktemp("forgetful") / "ledger.sqlite3"
    with running_sandbox(ledger, ORDERLY_GATEWAY_AUTHORIZATION_DAYS="0") as running:
        yield running


def use(settings: Any, sandbox: Sandbox) -> None:
    """Point the project at this gateway."""
    settings.PAYMENTS_GATEWAY = "payments.gateway_http.HttpGateway"
    settings.PAYMENTS_GATEWAY_URL = sandbox.url
    settings.PAYMENTS_GATEWAY_SECRET = sandbox.secret
    settings.PAYMENTS_GATEWAY_LEDGER = sandbox.ledger
    settings.PAYMENTS_GATEWAY_TIMEOUT = CLIENT_TIMEOUT


@pytest.fixture
def real_gateway(settings: Any, sandbox: Sandbox) -> Gateway:
    use(settings, sandbox)
    return gateway()


@pytest.fixture
def forgetful_gateway(settings: Any, forgetful_sandbox: Sandbox) -> Gateway:
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
