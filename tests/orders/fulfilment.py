"""Orders under test together with their sagas: our own rows are real, the gateway and the carrier answer by script."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from orchestration import Message
from orchestration.models import Saga
from orchestration.testing import SagaRun
from orders.contracts import FulfilOrder
from orders.models import Order
from orders.sagas import fulfil_order
from orders.services.placing import place_order
from orders.services.request_problems import read_order
from payments import contracts as payments
from shipping.contracts import LabelCreated, StockLevel
from shipping.models import Stock
from shipping.stock import take_in
from tests.orders.conftest import ORDER

OUTSIDE: Mapping[str, Message] = {
    "payments.authorize": payments.PaymentAuthorized(authorization_id="auth_1"),
    "payments.void": payments.AuthorizationVoided(void_id="void_1"),
    "payments.capture": payments.PaymentCaptured(capture_id="cap_1"),
    "payments.refund": payments.PaymentRefunded(refund_id="ref_1"),
    "payments.renew_authorization": payments.AuthorizationConfirmed(authorization_id="auth_1"),
    "payments.void_renewed": payments.AuthorizationVoided(void_id="void_2"),
    "shipping.create_label": LabelCreated(label_id="label_1", tracking="T1", carrier="Federal Shipping"),
}
DISPATCHED = {"label_id": "label_1", "dispatched_at": datetime(2026, 1, 1, tzinfo=UTC).isoformat()}


carried: dict[str, Any] = {}
"""How the messages of these sagas travel; a suite that is delivered in several ways sets it."""


def stock(**units: int) -> None:
    take_in(
        [
            StockLevel(sku=sku.replace("_", "-"), units=n, discontinued=sku == "NW_05")
            for sku, n in units.items()
        ]
    )


def on_hand(sku: str) -> int:
    return Stock.objects.get(sku=sku).on_hand


def fulfil(*lines: tuple[str, int], reference: str = "NW-1", **faults: Any) -> tuple[Order, SagaRun]:
    """Place an order and take up its saga; `faults` are those of SagaRun."""
    content = {
        **ORDER,
        "reference": reference,
        "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines],
    }
    order = place_order(request=read_order(content), principal="test").order
    # The saga that was placed: starting it again with the same key and input gives the same one.
    given = FulfilOrder.model_validate(Saga.objects.get(business_key=str(order.id)).input)
    run = SagaRun(fulfil_order, given, business_key=str(order.id), answers=OUTSIDE, **{**carried, **faults})
    return order, run


def status_of(order: Order) -> str:
    order.refresh_from_db()
    return order.status
