"""Many at once on a real PostgreSQL: nothing is sold twice, nobody waits in a circle, nobody waits beside full shelves."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction

from shipping import reservations
from shipping.contracts import StockLevel, StockLine
from shipping.invariants import movements_lead_to_stock, reservations_add_up, stock_is_conserved
from shipping.models import Reservation, Stock
from shipping.restocking import restock_products
from shipping.stock import take_in

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 16


def at_once(act: Callable[[int], None], threads: int = THREADS) -> None:
    """Run `act(number)` in so many threads that start together; the first error of any of them is raised here."""
    barrier, errors = threading.Barrier(threads), []

    def run(number: int) -> None:
        try:
            barrier.wait(timeout=20)
            act(number)
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    started = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join(timeout=120)
    assert not any(thread.is_alive() for thread in started)
    if errors:
        raise errors[0]


def reserve(order_id: UUID, **lines: int) -> str:
    with transaction.atomic():
        with connection.cursor() as cursor:
            # A circle is found after a second; sixteen in a queue may take longer than an application waits for a lock.
            cursor.execute("SET LOCAL lock_timeout = '100s'")
        wanted = [StockLine(sku=sku, quantity=quantity) for sku, quantity in lines.items()]
        return reservations.reserve(order_id=order_id, lines=wanted)[0].state


def adds_up() -> None:
    for invariant in (stock_is_conserved, reservations_add_up, movements_lead_to_stock):
        assert invariant().violations == []


def test_fifty_units_are_sold_to_exactly_fifty() -> None:
    take_in([StockLevel(sku="A", units=50)])
    states: Counter[str] = Counter()
    lock = threading.Lock()

    def buy(_: int) -> None:
        for _ in range(10):
            state = reserve(uuid4(), A=1)
            with lock:
                states[state] += 1

    at_once(buy)
    assert states == {"reserved": 50, "backordered": 110}
    row = Stock.objects.get()
    assert (row.on_hand, row.reserved) == (0, 50)
    adds_up()


def test_one_order_reserved_by_many_at_once_holds_its_stock_once() -> None:
    take_in([StockLevel(sku="A", units=50)])
    order_id = uuid4()
    at_once(lambda _: _ignore(reserve(order_id, A=5)))
    assert Stock.objects.get().reserved == 5
    assert Reservation.objects.count() == 1


def test_lines_in_opposite_order_never_wait_in_a_circle() -> None:
    skus = [f"S{number}" for number in range(6)]
    take_in([StockLevel(sku=sku, units=30) for sku in skus])

    def churn(number: int) -> None:
        chosen = random.Random(number)
        for _ in range(8):
            order_id = uuid4()
            lines = chosen.sample(skus, 3)
            reserve(order_id, **{sku: chosen.randint(1, 12) for sku in lines})
            if chosen.random() < 0.5:
                with transaction.atomic():
                    reservations.release(order_id=order_id)
            if chosen.random() < 0.2:
                restock_products(units={chosen.choice(skus): 5})

    at_once(churn)
    adds_up()


def test_who_is_back_ordered_during_a_restock_never_waits_beside_full_shelves() -> None:
    take_in([StockLevel(sku="A", units=0)])

    def race(number: int) -> None:
        for _ in range(10):
            if number % 4 == 0:
                restock_products(units={"A": 3})
            else:
                reserve(uuid4(), A=1)

    at_once(race)
    waiting = Reservation.objects.filter(state="backordered").count()
    assert (Reservation.objects.count(), Stock.objects.get().restocked) == (120, 120)
    assert (waiting, Stock.objects.get().on_hand) == (0, 0)
    adds_up()


def test_a_back_order_cancelled_while_it_is_filled_gives_its_stock_back() -> None:
    take_in([StockLevel(sku="A", units=0)])
    orders = [uuid4() for _ in range(THREADS - 1)]
    for order_id in orders:
        reserve(order_id, A=2)

    def race(number: int) -> None:
        if number == 0:
            restock_products(units={"A": 30})
        else:
            with transaction.atomic():
                reservations.release(order_id=orders[number - 1])

    at_once(race)
    row = Stock.objects.get()
    assert (row.on_hand, row.reserved) == (30, 0)
    adds_up()


def test_the_same_catalog_taken_in_by_many_at_once_is_taken_in_once() -> None:
    at_once(lambda _: take_in([StockLevel(sku=f"S{number}", units=7) for number in range(5)]), threads=8)
    assert list(Stock.objects.values_list("initial", flat=True)) == [7] * 5
    adds_up()


def _ignore(_: Any) -> None:
    return None
