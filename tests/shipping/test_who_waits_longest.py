"""A unit that comes back goes to who waits longest; and nobody is held up by a delivery of something else."""

from __future__ import annotations

import threading
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction

from orchestration.models import OutboxMessage
from shipping import reservations
from shipping.contracts import StockLevel
from shipping.locks import lock_stock
from shipping.models import Reservation, Stock
from shipping.restocking import restock_products
from shipping.stock import take_in
from tests.shipping.test_contention import adds_up, at_once, reserve

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def warehouse() -> None:
    take_in([StockLevel(sku=sku, units=units) for sku, units in (("A", 1), ("B", 3), ("C", 0))])


def release(order_id: UUID) -> None:
    with transaction.atomic():
        reservations.release(order_id=order_id)


def states(*orders: UUID) -> list[str]:
    return [Reservation.objects.get(order_id=order).state for order in orders]


def test_a_unit_that_comes_back_goes_to_who_waits_longest_and_not_to_who_orders_next() -> None:
    holds, waits, later, comes = (uuid4() for _ in range(4))
    reserve(holds, A=1)
    reserve(waits, A=1)
    reserve(later, A=1)
    release(holds)
    assert reserve(comes, A=1) == "backordered"
    assert states(holds, waits, later) == ["released", "allocated", "backordered"]
    told = [event.payload["key"] for event in OutboxMessage.objects.filter(kind="event")]
    assert told == [str(waits)]
    release(waits)
    assert states(later, comes) == ["allocated", "backordered"]
    adds_up()


def test_who_cannot_be_filled_is_skipped_and_who_wants_something_else_is_left_alone() -> None:
    holds, too_much, both, other, fits = (uuid4() for _ in range(5))
    reserve(holds, A=1, B=3)
    reserve(too_much, A=2)
    reserve(both, A=1, C=1)
    reserve(other, C=1)
    reserve(fits, A=1, B=2)
    release(holds)
    assert states(too_much, both, other, fits) == ["backordered", "backordered", "backordered", "allocated"]
    assert Stock.objects.get(sku="B").on_hand == 1
    adds_up()


def test_an_order_that_only_waited_gives_nothing_back() -> None:
    holds, waits, later = (uuid4() for _ in range(3))
    for order in (holds, waits, later):
        reserve(order, A=1)
    release(waits)
    assert states(waits, later) == ["released", "backordered"]
    assert not OutboxMessage.objects.filter(kind="event").exists()


def test_a_delivery_locks_only_what_is_delivered_and_what_goes_with_it() -> None:
    waits = uuid4()
    reserve(waits, C=1)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                lock_stock(["B"])
                held.set()
                assert done.wait(timeout=30)
        finally:
            connection.close()

    other = threading.Thread(target=hold)
    other.start()
    assert held.wait(timeout=30)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '5s'")  # fails instead of waiting for ever
            assert restock_products(units={"C": 1}).allocated == [waits]
    finally:
        done.set()
        other.join(timeout=30)


def test_many_orders_and_undos_at_once_leave_nobody_waiting_beside_what_they_want() -> None:
    take_in([StockLevel(sku="D", units=4), StockLevel(sku="E", units=4)])
    orders = [uuid4() for _ in range(24)]

    def act(number: int) -> None:
        mine = orders[number * 3 : number * 3 + 3]
        for order, wanted in zip(mine, ({"D": 1}, {"E": 1}, {"D": 1, "E": 1}), strict=True):
            reserve(order, **wanted)
        release(mine[0])
        release(mine[2])

    at_once(act, threads=8)
    free = dict(Stock.objects.values_list("sku", "on_hand"))
    waiting = Reservation.objects.filter(state="backordered").prefetch_related("lines")
    assert [
        each for each in waiting if all(free[line.sku] >= line.quantity for line in each.lines.all())
    ] == []
    adds_up()
