"""Restocking: who gets the new units, who is told, and the command for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command

from orchestration.models import OutboxMessage
from shipping.contracts import StockReservedEvent
from shipping.models import Reservation, Stock
from shipping.restocking import UnknownProduct, restock_products

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("warehouse")]

Reserve = Callable[..., tuple[UUID, Any]]


def on_hand() -> dict[str, int]:
    return dict(Stock.objects.values_list("sku", "on_hand"))


def told() -> list[str]:
    events = OutboxMessage.objects.filter(kind="event").order_by("id")
    return [event.payload["key"] for event in events]


def command(*words: str) -> tuple[dict[str, Any], str]:
    out, error = StringIO(), StringIO()
    call_command("restock", *words, stdout=out, stderr=error)
    return json.loads(out.getvalue().splitlines()[-1]), error.getvalue()


def test_the_oldest_order_comes_first_and_one_that_cannot_be_filled_is_skipped(reserve: Reserve) -> None:
    first, _ = reserve(B=8)
    too_large, _ = reserve(B=50)
    third, _ = reserve(B=6)
    last, _ = reserve(B=6)
    done = restock_products(units={"B": 10})
    assert done.allocated == [first, third]
    assert done.waiting == 2
    assert on_hand()["B"] == 1
    assert told() == [str(first), str(third)]
    assert Reservation.objects.get(order_id=too_large).state == "backordered"
    assert restock_products(units={"B": 5}).allocated == [last]


def test_the_event_says_which_reservation_and_carries_the_orders_key(reserve: Reserve) -> None:
    order_id, _ = reserve(B=6)
    restock_products(units={"B": 1})
    envelope = OutboxMessage.objects.get(kind="event").payload
    assert (envelope["type"], envelope["source"], envelope["key"]) == (
        "shipping.stock_reserved",
        "shipping",
        str(order_id),
    )
    reservation = Reservation.objects.get(order_id=order_id)
    assert StockReservedEvent.model_validate(envelope["data"]).reservation_id == reservation.pk


def test_an_order_waits_until_every_line_fits(reserve: Reserve) -> None:
    order_id, _ = reserve(A=11, B=6)
    assert restock_products(units={"A": 1}).allocated == []
    assert told() == []
    assert restock_products(units={"B": 1}).allocated == [order_id]
    assert on_hand() == {"A": 0, "B": 0, "C": 2}


def test_to_fill_adds_exactly_what_is_missing(reserve: Reserve) -> None:
    orders = [reserve(B=8)[0], reserve(A=12, B=6)[0]]
    done = restock_products(units={}, to_fill=True)
    assert done.units == {"A": 2, "B": 9}
    assert done.allocated == orders
    assert on_hand() == {"A": 0, "B": 0, "C": 2}


def test_an_unknown_product_adds_nothing_at_all() -> None:
    with pytest.raises(UnknownProduct):
        restock_products(units={"A": 5, "Z": 1})
    assert on_hand()["A"] == 10


@pytest.mark.parametrize("number", [0, -3])
def test_less_than_one_unit_adds_nothing_at_all(number: int) -> None:
    with pytest.raises(ValueError, match="at least one unit"):
        restock_products(units={"A": 5, "B": number})
    assert on_hand()["A"] == 10


def test_the_command_restocks_one_product(reserve: Reserve) -> None:
    order_id, _ = reserve(B=6)
    answer, words = command("B", "3")
    assert answer == {"units": {"B": 3}, "allocated": [str(order_id)], "waiting": 0}
    assert "3 units of B came in. 1 order got its stock, 0 still wait." in words


def test_the_command_restocks_everything() -> None:
    answer, _ = command("--all", "7")
    assert answer["units"] == {"A": 7, "B": 7, "C": 7}
    assert on_hand() == {"A": 17, "B": 12, "C": 9}


def test_the_command_fills_those_who_wait(reserve: Reserve) -> None:
    order_id, _ = reserve(B=500)
    answer, _ = command("--to-fill")
    assert answer == {"units": {"B": 495}, "allocated": [str(order_id)], "waiting": 0}
    answer, _ = command("--all", "1", "--to-fill")
    assert answer == {"units": {"A": 1, "B": 1, "C": 1}, "allocated": [], "waiting": 0}


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("Z", "1"), "the warehouse has no product Z. Nothing was added."),
        (("A", "0"), "A: add at least one unit. Nothing was added."),
        (("A",), "Say what comes in"),
        ((), "Say what comes in"),
        (("--all",), "Say what comes in"),
        (("--all", "many"), "not 'many'"),
    ],
)
def test_the_command_says_what_is_wrong_and_adds_nothing(words: tuple[str, ...], answer: str) -> None:
    with pytest.raises(CommandError, match=answer):
        command(*words)
    assert on_hand() == {"A": 10, "B": 5, "C": 2}
