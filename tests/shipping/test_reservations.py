"""Reserving and releasing: the decision, what it does to the stock, and that it can be repeated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from orchestration import NOT_NEEDED, StepContext, StepRejected
from shipping import contracts, reservations, tasks
from shipping.models import Reservation, ReservationLine, Stock, StockMovement
from shipping.restocking import restock_products

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("warehouse")]

Reserve = Callable[..., tuple[UUID, Any]]


def stock() -> dict[str, tuple[int, int, int]]:
    return {row.sku: (row.on_hand, row.reserved, row.shipped) for row in Stock.objects.all()}


def state(order_id: UUID) -> str:
    return Reservation.objects.get(order_id=order_id).state


def release(order_id: UUID, context: Callable[..., StepContext]) -> Any:
    return tasks.release_stock(contracts.ReleaseStock(order_id=order_id), context())


def test_every_line_in_stock_is_held(reserve: Reserve) -> None:
    order_id, result = reserve(A=3, C=2)
    assert isinstance(result, contracts.StockReserved)
    assert state(order_id) == "reserved"
    assert stock() == {"A": (7, 3, 0), "B": (5, 0, 0), "C": (0, 2, 0)}


def test_two_lines_of_one_product_are_one(context: Callable[..., StepContext]) -> None:
    lines = tuple(contracts.StockLine(sku="A", quantity=quantity) for quantity in (4, 6))
    tasks.reserve_stock(contracts.ReserveStock(order_id=uuid4(), lines=lines), context())
    assert stock()["A"] == (0, 10, 0)
    assert ReservationLine.objects.get().quantity == 10


def test_two_lines_of_one_product_together_may_be_short(context: Callable[..., StepContext]) -> None:
    lines = tuple(contracts.StockLine(sku="B", quantity=3) for _ in range(2))
    result = tasks.reserve_stock(contracts.ReserveStock(order_id=uuid4(), lines=lines), context())
    assert result == contracts.BackOrdered(short_skus=("B",))


def test_a_short_line_back_orders_the_whole_order_which_holds_nothing(reserve: Reserve) -> None:
    order_id, result = reserve(A=3, B=6)
    assert result == contracts.BackOrdered(short_skus=("B",))
    assert state(order_id) == "backordered"
    assert stock() == {"A": (10, 0, 0), "B": (5, 0, 0), "C": (2, 0, 0)}


def test_a_later_order_may_take_what_a_back_ordered_one_does_not_hold(reserve: Reserve) -> None:
    reserve(A=10, B=6)
    _, result = reserve(A=10)
    assert isinstance(result, contracts.StockReserved)


def test_a_short_line_of_a_discontinued_product_is_refused_also_beside_another_short_one(
    reserve: Reserve,
) -> None:
    with pytest.raises(StepRejected) as error:
        reserve(A=1, B=6, C=3)
    assert (error.value.code, error.value.data) == ("discontinued", {"skus": ["C"]})
    assert not Reservation.objects.exists()
    assert stock()["A"] == (10, 0, 0)


def test_a_discontinued_product_in_stock_is_sold(reserve: Reserve) -> None:
    _, result = reserve(C=2)
    assert isinstance(result, contracts.StockReserved)


def test_an_unknown_product_is_refused(reserve: Reserve) -> None:
    with pytest.raises(StepRejected) as error:
        reserve(A=1, Z=1)
    assert (error.value.code, error.value.data) == ("unknown_product", {"skus": ["Z"]})
    assert not Reservation.objects.exists()


@pytest.mark.parametrize("lines", [{"A": 3}, {"B": 6}])
def test_reserving_again_changes_nothing(reserve: Reserve, lines: dict[str, int]) -> None:
    order_id, first = reserve(**lines)
    before = stock()
    _, again = reserve(order_id, **lines)
    assert again == first
    assert stock() == before
    assert Reservation.objects.count() == 1


def test_a_released_order_may_reserve_anew(reserve: Reserve, context: Callable[..., StepContext]) -> None:
    order_id, _ = reserve(A=3)
    release(order_id, context)
    _, result = reserve(order_id, A=4, B=1)
    assert isinstance(result, contracts.StockReserved)
    assert stock() == {"A": (6, 4, 0), "B": (4, 1, 0), "C": (2, 0, 0)}


def test_releasing_gives_back_what_was_reserved(
    reserve: Reserve, context: Callable[..., StepContext]
) -> None:
    order_id, _ = reserve(A=3, C=1)
    assert release(order_id, context) is None
    assert state(order_id) == "released"
    assert stock() == {"A": (10, 0, 0), "B": (5, 0, 0), "C": (2, 0, 0)}


def test_releasing_gives_back_what_was_allocated(
    reserve: Reserve, context: Callable[..., StepContext]
) -> None:
    order_id, _ = reserve(B=6)
    restock_products(units={"B": 1})
    assert state(order_id) == "allocated"
    assert release(order_id, context) is None
    assert stock()["B"] == (6, 0, 0)


def test_releasing_takes_a_waiting_order_off_the_list(
    reserve: Reserve, context: Callable[..., StepContext]
) -> None:
    order_id, _ = reserve(B=6)
    assert release(order_id, context) is None
    assert restock_products(units={"B": 10}).allocated == []
    assert stock()["B"] == (15, 0, 0)


def test_releasing_is_not_needed_twice_nor_for_an_order_without_a_reservation(
    reserve: Reserve, context: Callable[..., StepContext]
) -> None:
    order_id, _ = reserve(A=3)
    release(order_id, context)
    assert release(order_id, context) is NOT_NEEDED
    assert release(uuid4(), context) is NOT_NEEDED
    assert stock()["A"] == (10, 0, 0)


def test_what_leaves_the_house_is_shipped_stock_and_cannot_be_released(
    reserve: Reserve, context: Callable[..., StepContext]
) -> None:
    order_id, _ = reserve(A=3)
    reservations.hand_out(order_id=order_id)
    assert stock()["A"] == (7, 0, 3)
    assert release(order_id, context) is NOT_NEEDED
    with pytest.raises(Reservation.DoesNotExist):
        reservations.hand_out(order_id=order_id)
    assert stock()["A"] == (7, 0, 3)


def test_every_change_of_the_stock_has_its_movement(
    reserve: Reserve, context: Callable[..., StepContext]
) -> None:
    order_id, _ = reserve(B=6)
    restock_products(units={"B": 4})
    release(order_id, context)
    told = list(StockMovement.objects.filter(sku="B").order_by("id").values_list("kind", "units", "order_id"))
    assert told == [
        ("taken_in", 5, None),
        ("restocked", 4, None),
        ("allocated", 6, order_id),
        ("released", 6, order_id),
    ]
