"""Orders of a browser, moved by hand: our own rows are real, the gateway and the carrier answer by script."""

from __future__ import annotations

import uuid
from typing import Any

from django.test import Client

from orchestration.models import Saga
from orchestration.testing import SagaRun
from orders.contracts import FulfilOrder
from orders.models import Order
from orders.sagas import fulfil_order
from orders.services.placing import place_order
from orders.services.request_problems import read_order
from orders.storefront.customer import SESSION_KEY
from tests.orders.conftest import ORDER
from tests.orders.fulfilment import OUTSIDE


def customer_of(client: Client) -> str:
    """The customer a browser is, made on first need."""
    session = client.session
    name = session.setdefault(SESSION_KEY, str(uuid.uuid4()))
    session.save()
    client.cookies[settings_cookie()] = session.session_key or ""
    return f"browser:{name}"


def settings_cookie() -> str:
    """Name of the session's cookie."""
    from django.conf import settings

    return str(settings.SESSION_COOKIE_NAME)


def order_of(client: Client, *, sku: str = "NW-11", quantity: int = 1, **more: Any) -> Order:
    """An order placed by this browser; nothing is done for it yet."""
    content = {**ORDER, "reference": None, "lines": [{"sku": sku, "quantity": quantity}], **more}
    return place_order(request=read_order(content), principal=customer_of(client)).order


def take_up(order: Order, **faults: Any) -> SagaRun:
    """The saga of an order that is placed; `faults` are those of SagaRun."""
    given = FulfilOrder.model_validate(Saga.objects.get(business_key=str(order.id)).input)
    return SagaRun(fulfil_order, given, business_key=str(order.id), answers=OUTSIDE, **faults)
