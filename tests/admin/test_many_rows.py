"""The admin with ten thousand orders in the tables: few queries a page, and none that reads a big table from end to end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoDbBlocker

from notifications.models import EmailMessage
from orchestration.models import Saga
from payments.models import Payment
from shipping.models import Reservation, Shipment
from tests.volume.many_orders import ManyOrders, many_orders
from tests.volume.plans import reading

pytestmark = [pytest.mark.django_db, pytest.mark.owner]


@pytest.fixture(scope="module")
def orders(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[ManyOrders]:
    with django_db_blocker.unblock(), many_orders() as made:
        yield made


@pytest.fixture
def operator(client: Client, orders: ManyOrders) -> Client:
    client.force_login(User.objects.create_superuser("operator", password="not used here"))
    return client


@pytest.mark.parametrize(
    ("path", "queries"),
    [
        ("", 10),
        ("orders/order/", 4),
        ("orders/order/?p=50", 4),
        ("orders/order/?q={reference}", 5),
        ("orders/order/?q=person-17@example.com", 4),
        ("orders/order/?q=nobody", 5),
        ("orders/order/?status__exact=cancelled", 4),
        ("orders/order/{cancelled}/change/", 12),
        ("orders/orderline/", 4),
        ("orders/orderline/?q=NW-12", 5),
        ("orders/product/", 6),
        ("orchestration/saga/", 6),
        ("orchestration/saga/?p=50", 6),
        ("orchestration/saga/?q={reference}", 6),
        ("orchestration/saga/?q=person-17@example.com", 7),
        ("orchestration/saga/?q=nobody", 6),
        ("orchestration/saga/?state__exact=waiting", 6),
        ("orchestration/saga/{saga}/change/", 14),
        ("orchestration/incident/", 5),
        ("orchestration/outboxmessage/", 4),
        ("orchestration/inboxmessage/", 5),
        ("payments/payment/", 4),
        ("payments/payment/?q={reference}", 5),
        ("payments/payment/{payment}/change/", 9),
        ("shipping/stock/", 6),
        ("shipping/reservation/", 4),
        ("shipping/reservation/{reservation}/change/", 10),
        ("shipping/shipment/", 4),
        ("shipping/shipment/{shipment}/change/", 9),
        ("shipping/stockmovement/", 4),
        ("notifications/emailmessage/", 4),
        ("notifications/emailmessage/?q=person-17@example.com", 6),
        ("notifications/emailmessage/{email}/change/", 9),
        ("django_celery_results/taskresult/", 5),
    ],
)
def test_a_page_of_the_admin_asks_little(
    operator: Client, orders: ManyOrders, path: str, queries: int
) -> None:
    address = "/admin/" + path.format(**orders.ids(), **_rows_of(orders))
    operator.get(address)  # the first request of a process also asks for content types
    done = reading(lambda: operator.get(address))
    assert done.response.status_code == 200
    assert done.wasteful == []
    assert done.count() <= queries, done


def _rows_of(orders: ManyOrders) -> dict[str, object]:
    shipped, cancelled = orders.shipped, orders.cancelled
    return {
        "reference": cancelled.reference,
        "saga": Saga.objects.get(business_key=str(cancelled.id)).pk,
        "payment": Payment.objects.get(order_id=shipped.id).pk,
        "reservation": Reservation.objects.get(order_id=shipped.id).pk,
        "shipment": Shipment.objects.get(order_id=shipped.id).pk,
        "email": EmailMessage.objects.get(order_id=shipped.id).pk,
    }
