"""Taking a delivery in by the admin: what was typed is kept, nothing comes in twice, and who did it is written down."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from shipping.contracts import StockLevel
from shipping.models import Reservation, Stock
from shipping.stock import take_in

LIST = "admin:shipping_stock_changelist"
RESTOCK = "admin:shipping_stock_restock"


@pytest.fixture
def shelves(db: None) -> None:
    take_in([StockLevel(sku=sku, units=units) for sku, units in (("A-1", 0), ("B-2", 5), ("C-3", 1))])


@pytest.fixture
def waiting(shelves: None) -> Reservation:
    """Somebody who waits for 4 of the first and 7 of the second."""
    reservation = Reservation.objects.create(order_id=uuid4(), state="backordered")
    for sku, quantity in (("A-1", 4), ("B-2", 7)):
        reservation.lines.create(sku=sku, quantity=quantity)
    return reservation


def free() -> dict[str, int]:
    return dict(Stock.objects.values_list("sku", "on_hand"))


def sent(client: Client, **content: Any) -> Any:
    return client.post(reverse(RESTOCK), {"key": str(uuid4()), **content}, follow=True)


def test_the_action_asks_how_many_of_the_chosen_products(admin_client: Client, shelves: None) -> None:
    chosen = {"action": "restock", "_selected_action": ["A-1", "C-3"]}
    page = admin_client.post(reverse(LIST), chosen).content.decode()
    assert 'name="sku" value="A-1"' in page
    assert 'name="sku" value="C-3"' in page
    assert 'value="B-2"' not in page
    assert free() == {"A-1": 0, "B-2": 5, "C-3": 1}


def test_units_come_in_for_the_chosen_products_only(admin_client: Client, shelves: None) -> None:
    answer = sent(admin_client, sku=["A-1", "C-3"], units="25")
    assert "50 units of 2 products came in" in answer.content.decode()
    assert free() == {"A-1": 25, "B-2": 5, "C-3": 26}
    notes = LogEntry.objects.order_by("object_id").values_list("object_id", "user__username")
    assert list(notes) == [("A-1", "admin"), ("C-3", "admin")]


@pytest.mark.parametrize(
    ("units", "told"),
    [
        ("a lot", "whole number"),
        ("2.5", "whole number"),
        ("0", "at least one"),
        ("-3", "at least one"),
        ("1000001", "At most 1,000,000"),
        ("", "Say how many"),
    ],
)
def test_bad_input_is_kept_and_nothing_comes_in(
    admin_client: Client, shelves: None, units: str, told: str
) -> None:
    answer = sent(admin_client, sku=["A-1"], units=units)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert told in page
    assert f'name="units" id="id_units" value="{units}"' in page
    assert 'name="sku" value="A-1"' in page
    assert free()["A-1"] == 0


def test_a_product_that_is_gone_stops_the_whole_delivery(admin_client: Client, shelves: None) -> None:
    answer = sent(admin_client, sku=["A-1", "Z-9"], units="5")
    assert "Nothing was added" in answer.content.decode()
    assert free()["A-1"] == 0
    assert not LogEntry.objects.exists()


def test_the_same_form_sent_twice_comes_in_once(admin_client: Client, shelves: None) -> None:
    key = str(uuid4())
    sent(admin_client, sku=["A-1"], units="5", key=key)
    again = sent(admin_client, sku=["A-1"], units="5", key=key)
    assert "nothing was added again" in again.content.decode()
    assert free()["A-1"] == 5
    sent(admin_client, sku=["A-1"], units="5")
    assert free()["A-1"] == 10


def test_what_waiting_orders_lack_is_shown_and_added(admin_client: Client, waiting: Reservation) -> None:
    page = admin_client.get(reverse(RESTOCK))
    assert page.context["lacking"] == [("A-1", 4, 0), ("B-2", 2, 5)]
    answer = sent(admin_client, to_fill="True")
    assert "1 orders got their stock, 0 still wait" in answer.content.decode()
    waiting.refresh_from_db()
    assert waiting.state == "allocated"
    assert free() == {"A-1": 0, "B-2": 0, "C-3": 1}
    assert admin_client.get(reverse(RESTOCK)).context["lacking"] == []


def test_a_delivery_may_fill_waiting_orders_besides(admin_client: Client, waiting: Reservation) -> None:
    sent(admin_client, sku=["C-3"], units="2", to_fill="on")
    waiting.refresh_from_db()
    assert waiting.state == "allocated"
    assert free()["C-3"] == 3


def test_only_those_who_may_change_stock_take_deliveries_in(client: Client, shelves: None) -> None:
    clerk = User.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_stock"))
    client.force_login(clerk)
    assert "Restock</option>" not in client.get(reverse(LIST)).content.decode()
    assert client.get(reverse(RESTOCK)).status_code == 403
    assert sent(client, sku=["A-1"], units="5").status_code == 403
    assert free()["A-1"] == 0
    clerk.user_permissions.add(Permission.objects.get(codename="change_stock"))
    assert sent(client, sku=["A-1"], units="5").status_code == 200
    assert free()["A-1"] == 5
