"""A warehouse with a few products, and a real carrier for the tests: its own process on a free port."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction

from orchestration import StepContext
from orchestration.providers.conformance import RunningSandbox, running_sandbox
from shipping import contracts, tasks
from shipping.carrier_memory import InMemoryCarrier
from shipping.contracts import StockLevel
from shipping.labels import Carrier, carrier
from shipping.stock import take_in

CLIENT_TIMEOUT = 1.5
"""Seconds; the carrier hangs for longer."""

ENVIRONMENT = {"ORDERLY_CARRIER_SECONDS": "3600", "ORDERLY_WEB_URL": "http://127.0.0.1:9"}
"""Of a carrier whose parcels never leave."""


def start(ledger: Path, **environment: str) -> AbstractContextManager[RunningSandbox]:
    return running_sandbox("shipping.carrier", "ORDERLY_CARRIER", ledger, {**ENVIRONMENT, **environment})


@pytest.fixture
def start_carrier() -> Callable[..., AbstractContextManager[RunningSandbox]]:
    return start


@pytest.fixture(scope="session")
def carrier_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with start(tmp_path_factory.mktemp("carrier") / "ledger.sqlite3") as running:
        yield running


@pytest.fixture
def real_carrier(settings: Any, carrier_process: RunningSandbox) -> Carrier:
    settings.SHIPPING_CARRIER = "shipping.carrier_http.HttpCarrier"
    settings.SHIPPING_CARRIER_URL = carrier_process.url
    settings.SHIPPING_CARRIER_SECRET = carrier_process.secret
    settings.SHIPPING_CARRIER_LEDGER = carrier_process.ledger
    settings.SHIPPING_CARRIER_TIMEOUT = CLIENT_TIMEOUT
    return carrier()


@pytest.fixture(params=["memory", "http"])
def any_carrier(request: pytest.FixtureRequest, settings: Any) -> Iterator[Carrier]:
    """Each adapter there is: a test with this fixture is part of the contract."""
    settings.SHIPPING_CARRIER_TIMEOUT = CLIENT_TIMEOUT
    found = InMemoryCarrier() if request.param == "memory" else request.getfixturevalue("real_carrier")
    yield found
    found.close()


@pytest.fixture
def context() -> Callable[..., StepContext]:
    """What the engine would tell a step; a new idempotency key each time, unless one is given."""

    def make(*, key: str | None = None) -> StepContext:
        return StepContext(
            saga_id=uuid4(),
            business_key="order",
            step="step",
            direction="forward",
            attempt=1,
            idempotency_key=key or f"{uuid4()}/step/forward/1",
            trace_id=uuid4().hex,
            product_line="",
            failure=None,
        )

    return make


@pytest.fixture
def warehouse(db: None) -> None:
    """Ten of A, five of B, and two of C, which is discontinued."""
    take_in(
        [
            StockLevel(sku="A", units=10),
            StockLevel(sku="B", units=5),
            StockLevel(sku="C", units=2, discontinued=True),
        ]
    )


@pytest.fixture
def reserve(context: Callable[..., StepContext]) -> Callable[..., tuple[UUID, Any]]:
    """Reserve `{sku: quantity}` for a new order, as its step would; gives the order's id and the result."""

    def act(order_id: UUID | None = None, **lines: int) -> tuple[UUID, Any]:
        wanted = tuple(contracts.StockLine(sku=sku, quantity=quantity) for sku, quantity in lines.items())
        command = contracts.ReserveStock(order_id=order_id or uuid4(), lines=wanted)
        with transaction.atomic():
            return command.order_id, tasks.reserve_stock(command, context())

    return act


@pytest.fixture
def label(context: Callable[..., StepContext]) -> Callable[[UUID], contracts.LabelCreated]:
    """Create and record the label of an order, as its step would."""

    def act(order_id: UUID) -> contracts.LabelCreated:
        command = contracts.CreateLabel(
            order_id=order_id,
            reference="NW-1",
            ship_to=contracts.Address(
                name="Paul", line1="59 rue de l'Abbaye", city="Reims", country="France"
            ),
        )
        same = context()
        result: contracts.LabelCreated = tasks.create_label(command, same)
        with transaction.atomic():
            tasks.save_label(command, result, same)
        return result

    return act
