"""Following orders: what counts as decided, ended or resting, seen from the rows alone."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from orchestration.models import Saga, SagaStep
from orders.batch.following import STUCK, WorkersGone, endings_of, signs_of_life, stock_is_decided, wait_until
from orders.models import Order
from orders.services.placing import place_order
from orders.services.request_problems import read_order
from orders.services.status_changes import change_status
from orders.status import OrderStatus
from tests.orders.conftest import ORDER

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(catalog: None) -> Order:
    return place_order(request=read_order(ORDER), principal="test").order


def saga_of(order: Order) -> Saga:
    return Saga.objects.get(business_key=str(order.id))


def set_step(order: Order, name: str, state: str, direction: str = "forward") -> None:
    times = {"done": "ended_at", "running": "lease_until"}
    done: dict[str, Any] = {times[state]: timezone.now()} if state in times else {}
    SagaStep.objects.update_or_create(
        saga=saga_of(order), name=name, direction=direction, defaults={"state": state, **done}
    )


def set_saga(order: Order, state: str) -> None:
    is_over = state in ("completed", "compensated", "failed", "cancelled")
    Saga.objects.filter(pk=saga_of(order).pk).update(
        state=state, ended_at=timezone.now() if is_over else None
    )


@pytest.mark.parametrize(
    ("state", "decided"),
    [
        ("pending", False),
        ("running", False),
        ("waiting", False),
        ("done", True),
        ("rejected", True),
        ("failed", True),
    ],
)
def test_stock_is_decided_by_the_state_of_its_step(order: Order, state: str, decided: bool) -> None:
    set_step(order, "shipping.reserve_stock", state)
    assert stock_is_decided(order.id) is decided


def test_stock_is_decided_when_the_saga_ends_before_it_was_asked(order: Order) -> None:
    assert stock_is_decided(order.id) is False
    set_saga(order, "failed")
    assert stock_is_decided(order.id) is True


def test_an_undo_of_the_reservation_is_no_decision(order: Order) -> None:
    set_step(order, "shipping.reserve_stock", "done", direction="undo")
    assert stock_is_decided(order.id) is False


def test_an_order_under_way_has_no_ending(order: Order) -> None:
    for state in ("accepted", "running", "compensating"):
        set_saga(order, state)
        assert endings_of([order.id]) == {}


def test_a_back_ordered_order_rests_when_its_wait_has_begun_and_not_while_it_waits_for_the_carrier(
    order: Order,
) -> None:
    set_saga(order, "waiting")
    set_step(order, "shipping.stock_reserved", "done")
    set_step(order, "shipping.dispatched", "waiting")
    assert endings_of([order.id]) == {}
    set_step(order, "shipping.stock_reserved", "waiting")
    assert endings_of([order.id]) == {order.id: "backordered"}


def test_an_ended_order_has_its_status_for_an_ending(order: Order) -> None:
    change_status(order_id=order.id, to=OrderStatus.CANCELLED, reason="because")
    set_saga(order, "compensated")
    assert endings_of([order.id]) == {order.id: "cancelled"}


def test_an_order_that_needs_a_person_is_stuck_rather_than_waited_for(order: Order) -> None:
    set_saga(order, "undo_failed")
    assert endings_of([order.id]) == {order.id: STUCK}


def test_every_finished_step_is_a_sign_of_life(order: Order) -> None:
    before = signs_of_life([order.id])
    set_step(order, "orders.accept", "done")
    assert signs_of_life([order.id]) == before + 1


def test_waiting_goes_on_while_something_moves_and_asks_for_workers_when_nothing_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("orders.batch.following.QUIET_FOR", 0.1)
    asked: list[str] = []

    def ask() -> str | None:
        asked.append("?")
        return None if len(asked) < 3 else "nobody is there"

    with pytest.raises(WorkersGone, match="nobody is there"):
        wait_until(lambda: False, progress=lambda: 7, missing_workers=ask)
    assert len(asked) == 3

    moves = iter(range(1000))
    looks = iter([False] * 10 + [True])
    wait_until(lambda: next(looks), progress=lambda: next(moves), missing_workers=lambda: "never asked")
