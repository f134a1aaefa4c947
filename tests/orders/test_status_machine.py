"""The table of permitted changes is the specification; the database and the services agree with it."""

from __future__ import annotations

import itertools
import uuid

import pytest
from django.db import IntegrityError, transaction

from orders.errors import OrderNotFound, StatusChangeRefused
from orders.models import Order
from orders.services.status_changes import change_status
from orders.status import ENDING_OF_SAGA, FINAL, IN_WORDS, PERMITTED, OrderStatus

EVERY_PAIR = list(itertools.product(OrderStatus, OrderStatus))


def make_order(status: OrderStatus = OrderStatus.PLACED) -> Order:
    cancelled = status is OrderStatus.CANCELLED
    return Order.objects.create(
        reference=f"T-{uuid.uuid4().hex[:8]}",
        email="ana@example.com",
        customer_name="Ana",
        ship_to={},
        card="card_ok",
        currency="USD",
        total_minor=100,
        status=status.value,
        cancel_reason="because" if cancelled else "",
        content_hash="0" * 64,
    )


@pytest.mark.django_db
@pytest.mark.parametrize(("before", "after"), EVERY_PAIR, ids=lambda status: str(status))
def test_exactly_the_permitted_changes_happen(before: OrderStatus, after: OrderStatus) -> None:
    order = make_order(before)
    reason = "because" if after is OrderStatus.CANCELLED else ""
    if before is after:
        assert change_status(order_id=order.id, to=after, reason=reason) is False
    elif after in PERMITTED[before]:
        assert change_status(order_id=order.id, to=after, reason=reason) is True
    else:
        with pytest.raises(StatusChangeRefused, match=f"is {before} and cannot become {after}"):
            change_status(order_id=order.id, to=after, reason=reason)
    order.refresh_from_db()
    assert order.status == (after if before is after or after in PERMITTED[before] else before)


def test_shipped_and_cancelled_are_final_and_every_status_has_words() -> None:
    assert {OrderStatus.SHIPPED, OrderStatus.CANCELLED} == FINAL
    assert set(IN_WORDS) == set(PERMITTED) == set(OrderStatus)


def test_every_ending_of_a_saga_asks_for_a_final_status() -> None:
    from orchestration.core.planning.states import TERMINAL

    assert set(ENDING_OF_SAGA) == {state.value for state in TERMINAL}
    assert set(ENDING_OF_SAGA.values()) <= FINAL


@pytest.mark.django_db
def test_every_status_may_be_stored_and_no_other() -> None:
    for status in OrderStatus:
        make_order(status)
    order = make_order()
    with pytest.raises(IntegrityError, match="order_status_known"), transaction.atomic():
        Order.objects.filter(pk=order.pk).update(status="lost")


@pytest.mark.django_db
def test_a_reason_belongs_to_cancelled_orders_only() -> None:
    order = make_order()
    with pytest.raises(ValueError, match="a reason belongs to a cancelled order"):
        change_status(order_id=order.id, to=OrderStatus.CANCELLED)
    with pytest.raises(ValueError, match="a reason belongs to a cancelled order"):
        change_status(order_id=order.id, to=OrderStatus.CONFIRMED, reason="why")
    with pytest.raises(IntegrityError, match="order_cancelled_has_reason"), transaction.atomic():
        Order.objects.filter(pk=order.pk).update(status="cancelled")


@pytest.mark.django_db
def test_an_unknown_order_is_named() -> None:
    order_id = uuid.uuid4()
    with pytest.raises(OrderNotFound, match=str(order_id)):
        change_status(order_id=order_id, to=OrderStatus.CONFIRMED)
