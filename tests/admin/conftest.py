"""One order with all that belongs to it, and somebody who may look at everything."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from notifications.models import EmailMessage, Kind
from orders.models import Order
from payments.models import Payment
from shipping.models import Shipment
from tests.orders.conftest import catalog, quiet_relay
from tests.orders.fulfilment import fulfil, stock

__all__ = ["catalog", "quiet_relay"]


@pytest.fixture
def operator(client: Client, db: None) -> Client:
    client.force_login(User.objects.create_superuser("operator", password="not used here"))
    return client


@pytest.fixture
def order(catalog: None) -> Order:
    """An order for 12 of a product of which none is there; it waits."""
    stock(NW_11=0, NW_42=5)
    order, run = fulfil(("NW-11", 12))
    run.until_rest()
    assert run.state == "waiting"
    return order


@pytest.fixture
def records(order: Order) -> dict[str, int]:
    """A payment, a shipment and a mail of the order, by the model's name; the reservation is its saga's own."""
    Payment.objects.filter(order_id=order.id).delete()
    EmailMessage.objects.filter(order_id=order.id).delete()
    payment = Payment.objects.create(
        order_id=order.id,
        state="authorized",
        currency="USD",
        amount_minor=25200,
        authorization_id="auth_7",
        authorized_at=timezone.now(),
    )
    shipment = Shipment.objects.create(order_id=order.id, label_id="label_7", tracking="T7", carrier="Speedy")
    mail = EmailMessage.objects.create(
        order_id=order.id,
        kind=Kind.ORDER_BACKORDERED,
        message_id="mail-7",
        to=order.email,
        subject="Your order has to wait",
        text="It waits & waits",
        html="<script>alert(1)</script><p>It waits</p>",
    )
    return {"payment": payment.pk, "shipment": shipment.pk, "emailmessage": mail.pk}
