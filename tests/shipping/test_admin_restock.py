"""Taking a delivery in by the admin: what was typed is kept, nothing comes in twice, and who did it is written down."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from shipping.contracts import StockLevel
from shipping.models import Reservation, Stock
from shipping.stock import take_in

LIST = "admin:shipping_stock_changelist"
RESTOCK = "admin:shipping_stock_restock"


def names(skus: Iterable[str]) -> dict[str, str]:
    """Stands in for the catalog, which knows one of them."""
    return {sku: "Queso <Cabrales>" for sku in skus if sku == "A-1"}


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
    assert (
        "25 units of A-1 and 25 units of C-3 came in. 0 orders got their stock, 0 still wait."
        in answer.content.decode()
    )
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
    assert "1 order got its stock, 0 still wait" in answer.content.decode()
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


def test_products_are_called_by_their_names(
    admin_client: Client, waiting: Reservation, settings: Settings
) -> None:
    settings.ORDERLY_PRODUCT_NAMES = f"{__name__}.names"
    listed = admin_client.get(reverse(LIST)).content.decode()
    assert "Queso &lt;Cabrales&gt;" in listed
    chosen = {"action": "restock", "_selected_action": ["A-1", "C-3"]}
    asked = admin_client.post(reverse(LIST), chosen).content.decode()
    assert (
        "</span> Queso &lt;Cabrales&gt;</strong>" in asked or "A-1 Queso &lt;Cabrales&gt;</strong>" in asked
    )
    assert admin_client.get(reverse(RESTOCK)).context["lacking"] == [
        ("A-1 Queso <Cabrales>", 4, 0),
        ("B-2", 2, 5),
    ]
    answer = sent(admin_client, sku=["A-1"], units="1")
    assert (
        "1 unit of A-1 Queso &lt;Cabrales&gt; came in. 0 orders got their stock, 1 still waits."
        in answer.content.decode()
    )
    assert LogEntry.objects.get().object_repr == "A-1 Queso <Cabrales>"
    row = admin_client.get(reverse("admin:shipping_stock_change", args=["A-1"])).content.decode()
    assert "Queso &lt;Cabrales&gt;" in row


def test_of_many_products_only_the_number_is_told(admin_client: Client, shelves: None) -> None:
    take_in([StockLevel(sku="D-4", units=0)])
    answer = sent(admin_client, sku=["A-1", "B-2", "C-3", "D-4"], units="1000")
    assert "4,000 units of 4 products came in." in answer.content.decode()
