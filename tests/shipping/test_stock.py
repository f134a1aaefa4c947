"""Taking products in, looking them up, and what the database refuses of stock."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from shipping.contracts import StockLevel
from shipping.models import Reservation, ReservationLine, Shipment, Stock, StockMovement
from shipping.restocking import restock_products
from shipping.stock import available, take_in

pytestmark = pytest.mark.django_db


def test_a_new_product_comes_with_its_first_units() -> None:
    take_in([StockLevel(sku="A", units=3), StockLevel(sku="B", units=0, discontinued=True)])
    rows = Stock.objects.values_list("sku", "initial", "on_hand", "discontinued")
    assert list(rows) == [("A", 3, 3, False), ("B", 0, 0, True)]
    assert StockMovement.objects.values_list("sku", "kind", "units").get() == ("A", "taken_in", 3)


def test_a_known_product_keeps_its_units_and_only_the_catalogs_word_is_taken_over() -> None:
    take_in([StockLevel(sku="A", units=3)])
    restock_products(units={"A": 4})
    take_in([StockLevel(sku="A", units=100, discontinued=True), StockLevel(sku="B", units=1)])
    assert list(Stock.objects.values_list("sku", "initial", "on_hand", "restocked", "discontinued")) == [
        ("A", 3, 7, 4, True),
        ("B", 1, 1, 0, False),
    ]


def test_taking_in_twice_is_taking_in_once() -> None:
    levels = [StockLevel(sku="A", units=3), StockLevel(sku="B", units=2)]
    take_in(levels)
    take_in(levels)
    assert Stock.objects.count() == StockMovement.objects.count() == 2


@pytest.mark.parametrize("values", [{"units": -1}, {"units": True}, {"units": 1.5}, {"units": 1, "sku": ""}])
def test_nonsense_is_no_stock_level(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        StockLevel.model_validate({"sku": "A", **values})


def test_the_shop_window_knows_what_is_free() -> None:
    take_in([StockLevel(sku="A", units=3), StockLevel(sku="B", units=2)])
    assert available(["A", "Z"]) == {"A": 3}
    assert available([]) == {}


@pytest.mark.parametrize(
    "values",
    [
        {"on_hand": 4},
        {"on_hand": -1, "reserved": 6},
        {"on_hand": 6, "reserved": -1},
        {"on_hand": 5, "shipped": 1},
        {"on_hand": 5, "restocked": 1},
        {"on_hand": 6, "shipped": -1},
    ],
    ids=str,
)
def test_stock_that_does_not_add_up_is_refused(values: dict[str, int]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Stock.objects.create(sku="A", initial=5, **values)


def test_an_order_has_one_reservation_and_a_product_one_line_in_it() -> None:
    reservation = Reservation.objects.create(order_id=uuid4(), state="reserved")
    with pytest.raises(IntegrityError), transaction.atomic():
        Reservation.objects.create(order_id=reservation.order_id, state="backordered")
    ReservationLine.objects.create(reservation=reservation, sku="A", quantity=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        ReservationLine.objects.create(reservation=reservation, sku="A", quantity=1)
    for quantity in (0, -1):
        with pytest.raises(IntegrityError), transaction.atomic():
            ReservationLine.objects.create(reservation=reservation, sku="B", quantity=quantity)
    with pytest.raises(IntegrityError), transaction.atomic():
        Reservation.objects.create(order_id=uuid4(), state="lost")


def test_an_order_has_one_parcel_and_a_dispatch_its_time_and_event() -> None:
    order_id, now = uuid4(), timezone.now()
    Shipment.objects.create(order_id=order_id, label_id="l1", tracking="t", carrier="c")
    wrong: list[dict[str, Any]] = [
        {"order_id": order_id, "label_id": "l2"},
        {"label_id": "l1"},
        {"label_id": "l2", "state": "dispatched"},
        {"label_id": "l2", "state": "dispatched", "dispatched_at": now},
        {"label_id": "l2", "dispatched_at": now, "dispatch_event_id": "e"},
        {"label_id": "l2", "state": "lost"},
    ]
    for values in wrong:
        with pytest.raises(IntegrityError), transaction.atomic():
            Shipment.objects.create(**{"order_id": uuid4(), "tracking": "t", "carrier": "c", **values})
    assert Shipment.objects.count() == 1
