"""A small catalog, a well-formed order, and clients of the API."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from orders.models import IdempotencyKey, Order, OrderLine, Product

TOKEN = "a-token-for-tests-only"

ORDER: dict[str, Any] = {
    "reference": "NW-1",
    "customer": {
        "code": "VINET",
        "name": "Vins et alcools",
        "contact": "Paul Henriot",
        "email": "vinet@example.com",
    },
    "ship_to": {
        "name": "Vins et alcools",
        "line1": "59 rue de l'Abbaye",
        "city": "Reims",
        "region": None,
        "postal_code": "51100",
        "country": "France",
    },
    "carrier": "Federal Shipping",
    "card": "card_ok",
    "lines": [{"sku": "NW-11", "quantity": 12}, {"sku": "NW-42", "quantity": 10}],
}


@pytest.fixture
def order_json() -> dict[str, Any]:
    """A well-formed order, to be bent out of shape."""
    return copy.deepcopy(ORDER)


@pytest.fixture
def catalog(db: None) -> None:
    """Three products; one has a price that no float can hold."""
    Product.objects.bulk_create(
        [
            Product(sku="NW-11", name="Queso Cabrales", price_minor=2100, currency="USD"),
            Product(sku="NW-42", name="Singaporean Hokkien Fried Mee", price_minor=1411, currency="USD"),
            Product(sku="NW-05", name="Gumbo Mix", price_minor=2135, currency="USD", discontinued=True),
        ]
    )


@pytest.fixture(autouse=True)
def tokens(settings: Settings) -> None:
    """One holder of a token; callers without one are allowed."""
    settings.ORDERLY_API_TOKENS = {"operator": TOKEN}
    settings.ORDERLY_API_ANONYMOUS = True


@pytest.fixture(autouse=True)
def quiet_relay(monkeypatch: pytest.MonkeyPatch) -> None:
    """No saga gets under way: a relay thread would write to tables that a test is emptying."""
    monkeypatch.setattr("orchestration.engine.outbox.relay.wake", lambda: None)


Post = Callable[..., Any]


@pytest.fixture
def post(client: Client) -> Post:
    """POST an order: `post(content, key="k", raw=b"...", token="...")`; as nobody where `token` is empty."""

    def send(
        content: Any = None, *, key: str | None = "key-1", raw: bytes | None = None, token: str = TOKEN
    ) -> Any:
        headers = {} if key is None else {"Idempotency-Key": key}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        body = json.dumps(content).encode() if raw is None else raw
        return client.post("/api/orders", body, content_type="application/json", headers=headers)

    return send


def nothing_is_stored() -> bool:
    """Whether neither an order, nor a line, a saga or an answer is there."""
    from orchestration.models import Saga

    return not any(model.objects.exists() for model in (Order, OrderLine, Saga, IdempotencyKey))
