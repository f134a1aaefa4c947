"""Each invariant holds over orders that went well or badly, and names what is broken when it is broken by hand."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from config import invariants as across
from notifications.models import EmailMessage
from orchestration.models import Saga
from orchestration.verification import Finding, discover, run_invariants
from orders import invariants as own
from orders.models import IdempotencyKey, Order, OrderLine
from payments.models import Payment
from payments.sandbox.ledger import Ledger
from shipping.models import Reservation, Shipment
from tests.orders.conftest import Post
from tests.orders.fulfilment import DISPATCHED, fulfil, stock

pytestmark = pytest.mark.django_db

OWN = (own.one_saga_per_order, own.status_agrees_with_saga, own.totals_add_up, own.answers_have_orders)
ACROSS = (
    across.nothing_ships_unpaid,
    across.cancelled_orders_are_undone,
    across.shipped_orders_are_complete,
    across.waiting_orders_are_not_charged,
    across.money_is_conserved,
    across.customers_were_told,
)


@pytest.fixture
def ledger(tmp_path: Path, settings: Settings) -> Ledger:
    path = tmp_path / "gateway.sqlite3"
    settings.PAYMENTS_GATEWAY_LEDGER = str(path)
    return Ledger(path)


def enter(ledger: Ledger, order: Order, kind: str, amount: int) -> None:
    with ledger.entry():
        ledger.add_effect(
            id=f"{kind}_{uuid.uuid4().hex}",
            idempotency_key=uuid.uuid4().hex,
            kind=kind,
            order_id=str(order.id),
            authorization_id=f"auth_{order.id}",
            capture_id=None,
            amount_minor=amount,
            currency="USD",
            card="card_ok",
            expires_at=None,
        )


@pytest.fixture
def world(catalog: None, ledger: Ledger) -> dict[str, Order]:
    """One order of each ending, as it comes about by itself, with the gateway's ledger beside it."""
    stock(NW_11=20, NW_42=0)
    shipped, run = fulfil(("NW-11", 12), reference="SHIPPED")
    # One line of a delivery goes to two lines of the order: what counts is the sum.
    run.until_rest().send("shipping.dispatched", DISPATCHED)
    Shipment.objects.update(state="dispatched", dispatched_at=timezone.now(), dispatch_event_id="1")
    Reservation.objects.filter(order_id=shipped.id).update(state="shipped")
    run.until_rest()
    assert run.state == "completed"
    enter(ledger, shipped, "authorization", shipped.total_minor)
    enter(ledger, shipped, "capture", shipped.total_minor)

    cancelled, run = fulfil(("NW-11", 5), reference="CANCELLED", reject_at="payments.capture")
    run.until_rest()
    assert run.state == "compensated"
    enter(ledger, cancelled, "authorization", cancelled.total_minor)
    enter(ledger, cancelled, "void", cancelled.total_minor)

    waiting, run = fulfil(("NW-42", 5), reference="WAITING")
    run.until_rest()
    assert run.state == "waiting"
    enter(ledger, waiting, "authorization", waiting.total_minor)
    return {"shipped": shipped, "cancelled": cancelled, "waiting": waiting}


def test_all_of_them_are_found_by_the_verification() -> None:
    names = discover()
    assert sum(name.startswith("orders: ") for name in names) == len(OWN)
    assert sum(name.startswith("across: ") for name in names) == len(ACROSS)


def test_they_hold_over_every_ending_and_look_at_something(world: dict[str, Order]) -> None:
    results = {r.name: r for r in run_invariants() if r.name.startswith(("orders: ", "across: "))}
    assert {name: r.violations for name, r in results.items() if r.violations} == {}
    idle = [name for name, r in results.items() if r.checked == 0]
    assert idle == ["orders: every stored answer tells of an order that exists"]


def broken(check: Callable[[], Finding]) -> list[str]:
    return check().violations


def test_a_customer_who_was_never_told(world: dict[str, Order]) -> None:
    EmailMessage.objects.filter(order_id__in=[world["shipped"].id, world["cancelled"].id]).delete()
    assert broken(across.customers_were_told) == [
        "order SHIPPED: shipped, and no e-mail says so",
        "order CANCELLED: cancelled, and no e-mail says so",
    ]


def test_an_order_without_a_saga_and_a_saga_without_an_order(world: dict[str, Order]) -> None:
    Saga.objects.filter(reference="WAITING").update(business_key=str(uuid.uuid4()))
    assert sorted(broken(own.one_saga_per_order)) == [
        "WAITING: 0 order(s), 1 saga(s)",
        "WAITING: 1 order(s), 0 saga(s)",
    ]


def test_a_saga_that_was_pruned_is_not_missed_and_one_without_an_order_is_found(
    world: dict[str, Order],
) -> None:
    Saga.objects.filter(reference="SHIPPED").update(business_key=str(uuid.uuid4()))
    assert broken(own.one_saga_per_order) == ["SHIPPED: 0 order(s), 1 saga(s)"]


@pytest.mark.parametrize(("reference", "status"), [("SHIPPED", "confirmed"), ("CANCELLED", "withdrawn")])
def test_a_status_that_contradicts_the_saga(world: dict[str, Order], reference: str, status: str) -> None:
    Order.objects.filter(reference=reference).update(status=status, cancel_reason="")
    assert [reference in said and status in said for said in broken(own.status_agrees_with_saga)] == [True]


def test_a_total_that_is_not_the_sum_or_not_what_the_saga_charges(world: dict[str, Order]) -> None:
    Order.objects.filter(reference="SHIPPED").update(total_minor=1)
    OrderLine.objects.filter(order__reference="WAITING").delete()
    said = broken(own.totals_add_up)
    assert [reference for reference in ("SHIPPED", "WAITING") if any(reference in text for text in said)] == [
        "SHIPPED", "WAITING",
    ]  # fmt: skip
    assert len(said) == 2


def test_an_answer_that_tells_of_no_order(catalog: None, post: Post, order_json: dict[str, Any]) -> None:
    post(order_json)
    assert own.answers_have_orders() == Finding(checked=1, violations=[])
    IdempotencyKey.objects.update(location=f"/api/orders/{uuid.uuid4()}")
    assert broken(own.answers_have_orders) == [
        "the answer under key key-1 tells of an order that does not exist"
    ]


def test_a_parcel_that_is_not_paid(world: dict[str, Order]) -> None:
    Payment.objects.filter(order_id=world["shipped"].id).delete()
    assert broken(across.nothing_ships_unpaid) == ["order SHIPPED: has a parcel, paid 0 of 25200"]
    assert "order SHIPPED: shipped, paid None, total 25200" in broken(across.shipped_orders_are_complete)


def test_a_parcel_for_nobody(world: dict[str, Order]) -> None:
    nobody = uuid.uuid4()
    Shipment.objects.update(order_id=nobody)
    assert broken(across.nothing_ships_unpaid) == [f"parcel for order {nobody}, which does not exist"]
    assert "order SHIPPED: shipped, its parcel is missing" in broken(across.shipped_orders_are_complete)


def test_money_kept_for_a_cancelled_order(world: dict[str, Order]) -> None:
    Payment.objects.filter(order_id=world["cancelled"].id).update(
        state="captured", captured_minor=7, capture_id="cap_9"
    )
    assert broken(across.cancelled_orders_are_undone) == ["order CANCELLED: cancelled, 0.07 USD kept"]


def test_stock_and_a_parcel_for_a_cancelled_order(world: dict[str, Order]) -> None:
    Reservation.objects.filter(order_id=world["cancelled"].id).update(state="reserved")
    Shipment.objects.update(order_id=world["cancelled"].id)
    assert broken(across.cancelled_orders_are_undone) == [
        "order CANCELLED: cancelled, its stock is reserved",
        "order CANCELLED: cancelled, parcel label_1 exists",
    ]


def test_fewer_units_than_were_ordered(world: dict[str, Order]) -> None:
    OrderLine.objects.filter(order__reference="SHIPPED").update(quantity=11, line_total_minor=11 * 2100)
    assert [text for text in broken(across.shipped_orders_are_complete) if "ordered" in text] != []


def test_a_charge_while_the_order_waits(world: dict[str, Order]) -> None:
    order = world["waiting"]
    Payment.objects.filter(order_id=order.id).update(state="captured", captured_minor=3, capture_id="cap_8")
    assert broken(across.waiting_orders_are_not_charged) == [f"order {order.id}: waits for stock, charged 3"]


def test_a_gateway_that_kept_too_much(world: dict[str, Order], ledger: Ledger) -> None:
    enter(ledger, world["cancelled"], "capture", 7)
    assert broken(across.money_is_conserved) == [
        f"order CANCELLED: the gateway kept 7 of {world['cancelled'].total_minor}",
        "USD: shipped 25200, the gateway kept 25207",
    ]


def test_a_gateway_that_kept_too_little(world: dict[str, Order], ledger: Ledger) -> None:
    enter(ledger, world["shipped"], "refund", 25200)
    assert broken(across.money_is_conserved) == ["USD: shipped 25200, the gateway kept 0"]


def test_a_gateway_that_charged_somebody_we_do_not_know(world: dict[str, Order], ledger: Ledger) -> None:
    stranger = Order(id=uuid.uuid4())
    enter(ledger, stranger, "capture", 5)
    assert broken(across.money_is_conserved) == [f"the gateway knows order {stranger.id}, we do not"]


def test_orders_under_way_are_no_false_alarm(world: dict[str, Order], ledger: Ledger) -> None:
    enter(ledger, world["waiting"], "capture", world["waiting"].total_minor)
    assert broken(across.money_is_conserved) == []


def test_a_placed_order_is_no_false_alarm(
    catalog: None, post: Post, order_json: dict[str, Any], client: Client
) -> None:
    post(order_json)
    assert [check().violations for check in (*OWN, *ACROSS)] == [[]] * (len(OWN) + len(ACROSS))
