"""The shop with ten thousand orders in the tables: few queries a page, and none that reads a big table from end to end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from pytest_django import DjangoDbBlocker

from orders.storefront.customer import SESSION_KEY
from tests.volume.many_orders import CUSTOMER, ManyOrders, many_orders
from tests.volume.plans import reading

pytestmark = [pytest.mark.django_db, pytest.mark.owner]


@pytest.fixture(scope="module")
def orders(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[ManyOrders]:
    with django_db_blocker.unblock(), many_orders() as made:
        yield made


@pytest.fixture
def customer(client: Client, orders: ManyOrders) -> Client:
    """A browser with 120 orders, and four products in its basket."""
    session = client.session
    session[SESSION_KEY] = CUSTOMER.removeprefix("browser:")
    session.save()
    for number in (5, 11, 12, 13):
        assert client.post("/basket/add/", {"sku": f"NW-{number}", "quantity": "2"}).status_code == 302
    return client


@pytest.mark.parametrize(
    ("path", "queries"),
    [
        ("/", 5),
        ("/?q=product+1&category=Category+3", 6),
        ("/?page=3", 5),
        ("/products/NW-11/", 3),
        ("/basket/", 3),
        ("/checkout/", 6),
        ("/orders/", 4),
        ("/orders/?page=3", 4),
        ("/orders/{shipped}/", 5),
        ("/orders/{waiting}/", 5),
        ("/orders/{cancelled}/", 5),
        ("/orders/{shipped}/progress/", 4),
        ("/orders/{waiting}/progress/", 4),
        ("/demo/", 2),
    ],
)
def test_a_page_of_the_shop_asks_little(
    customer: Client, orders: ManyOrders, path: str, queries: int
) -> None:
    customer.get("/")  # takes away the messages about the basket
    done = reading(lambda: customer.get(path.format(**orders.ids())))
    assert done.response.status_code in (200, 286)
    assert done.wasteful == []
    assert done.count() <= queries, done


def test_placing_an_order_asks_little(customer: Client, orders: ManyOrders) -> None:
    page = customer.get("/checkout/").context
    typed = dict.fromkeys(page["form"].fields, "Ada") | {"email": "ada@example.com", "card": "card_ok"}
    typed |= {"checkout_key": page["checkout_key"], "seen": page["priced"].fingerprint}
    done = reading(lambda: customer.post("/checkout/", typed))
    assert done.response.status_code == 302
    assert done.wasteful == []
    assert done.count() <= 15, done
