"""The order saga from start to each of its endings: what becomes of the order, of its stock and of what was undone.

Our own rows and the e-mails are real; the gateway and the carrier answer by script.
"""

from __future__ import annotations

from uuid import UUID

import pytest
from django.core.checks import run_checks
from django.test import Client
from pytest_django import Settings

from orders.errors import CancelRefused, OrderNotFound
from orders.services.cancelling import cancel_order
from shipping.restocking import restock_products
from tests.orchestration.paranoid import WAYS
from tests.orders import fulfilment
from tests.orders.fulfilment import DISPATCHED, fulfil, on_hand, status_of, stock

pytestmark = pytest.mark.django_db


@pytest.fixture(
    autouse=True,
    params=[
        "by hand",
        "doubled",
        "sweep only",
        *(pytest.param(way, marks=pytest.mark.durability) for way in ("shuffled", "swapped", "wiped")),
    ],
)
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the messages travel, each order comes to the same end."""
    monkeypatch.setattr(fulfilment, "carried", WAYS[request.param])


def test_with_everything_in_stock_the_order_is_paid_and_shipped(catalog: None) -> None:
    stock(NW_11=20)
    order, run = fulfil(("NW-11", 12))
    run.until_rest()
    assert (run.state, run.milestone, status_of(order)) == ("waiting", "PaymentProcessed", "confirmed")
    run.send("shipping.dispatched", DISPATCHED).until_rest()
    assert (run.state, run.milestone, status_of(order)) == ("completed", "OrderShipped", "shipped")
    assert run.undone == []
    assert run.done == [
        "orders.accept",
        *run.done[1:3],
        "payments.capture",
        "shipping.create_label",
        "shipping.dispatched",
        "orders.mark_shipped",
        "notifications.order_shipped",
    ]
    assert set(run.done[1:3]) == {"shipping.reserve_stock", "payments.authorize"}


def test_a_short_discontinued_product_cancels_the_order_with_nothing_held(catalog: None) -> None:
    stock(NW_11=20, NW_05=1)
    order, run = fulfil(("NW-11", 12), ("NW-05", 2))
    run.until_rest()
    assert (run.state, status_of(order)) == ("compensated", "cancelled")
    assert order.cancel_reason == "A product is no longer made and not in stock: NW-05."
    assert (on_hand("NW-11"), on_hand("NW-05")) == (20, 1)
    assert set(run.undone) == set(run.done)
    assert run.undone[-1] == "orders.accept"


def test_a_declined_card_cancels_the_order_and_gives_the_stock_back(catalog: None) -> None:
    stock(NW_11=20)
    order, run = fulfil(("NW-11", 12), reject_at="payments.authorize")
    run.until_rest()
    assert (run.state, status_of(order)) == ("compensated", "cancelled")
    assert order.cancel_reason
    assert on_hand("NW-11") == 20
    assert "notifications.order_cancelled" in {step.name for step in run.saga.steps.filter(state="done")}


BEFORE_THE_PIVOT = [
    "orders.accept",
    "shipping.reserve_stock",
    "payments.authorize",
    "payments.capture",
    "shipping.create_label",
]


@pytest.mark.parametrize("fault", ["reject_at", "fail_at"])
@pytest.mark.parametrize("task", BEFORE_THE_PIVOT)
def test_each_step_that_says_no_or_is_tried_in_vain_cancels_the_order_and_undoes_the_rest(
    catalog: None, task: str, fault: str, settings: Settings
) -> None:
    # What was tried in vain outside is looked up before undo, so somebody must answer for the gateway and the carrier.
    settings.PAYMENTS_GATEWAY = "payments.gateway_memory.InMemoryGateway"
    settings.SHIPPING_CARRIER = "shipping.carrier_memory.InMemoryCarrier"
    stock(NW_11=20)
    order, run = fulfil(("NW-11", 12), **{fault: task})
    run.until_rest()
    assert (run.state, status_of(order)) == (
        "failed" if task == "orders.accept" else "compensated",
        "cancelled",
    )
    assert on_hand("NW-11") == 20
    assert task not in run.done
    assert set(run.undone) <= set(run.done)
    assert set(run.done) - set(run.undone) <= {
        "payments.authorize"
    }  # a void of what was refunded is not needed
    assert run.incidents == []


@pytest.mark.parametrize("task", ["orders.mark_shipped", "notifications.order_shipped"])
def test_each_step_past_the_pivot_is_tried_until_it_works(catalog: None, task: str) -> None:
    stock(NW_11=20)
    order, run = fulfil(("NW-11", 12), fail_at={task: 7})
    run.until_rest()
    run.send("shipping.dispatched", DISPATCHED).until(lambda each: each.state == "completed")
    assert (status_of(order), run.undone, run.incidents) == ("shipped", [], [])
    assert run.step(task).attempts == 8


def test_money_that_was_taken_is_given_back_when_the_label_is_refused(catalog: None) -> None:
    stock(NW_11=20)
    order, run = fulfil(("NW-11", 12), reject_at="shipping.create_label")
    run.until_rest()
    assert (run.state, status_of(order)) == ("compensated", "cancelled")
    assert run.undone[0] == "payments.capture"
    assert on_hand("NW-11") == 20


def test_a_short_product_makes_the_order_wait_and_a_restock_ships_it(catalog: None) -> None:
    stock(NW_11=3)
    order, run = fulfil(("NW-11", 12))
    run.until_rest()
    assert (run.state, status_of(order)) == ("waiting", "backordered")
    assert on_hand("NW-11") == 3
    assert "payments.capture" not in run.done
    restock_products(units={"NW-11": 10})
    run.until(lambda run: status_of(order) == "confirmed").until(
        lambda run: run.milestone == "PaymentProcessed"
    )
    run.until_rest().send("shipping.dispatched", DISPATCHED).until_rest()
    assert (run.state, status_of(order)) == ("completed", "shipped")
    assert on_hand("NW-11") == 1


def test_a_back_order_whose_stock_never_comes_is_cancelled_with_its_reason(catalog: None) -> None:
    stock(NW_11=3)
    order, run = fulfil(("NW-11", 12))
    run.until_rest()
    run.skip(31 * 24 * 3600).until(lambda run: run.state == "compensated")
    assert status_of(order) == "cancelled"
    assert order.cancel_reason == "The missing products did not come into stock in time."
    restock_products(units={"NW-11": 100})
    assert on_hand("NW-11") == 103


def test_a_customer_may_cancel_while_the_order_waits_for_stock(catalog: None, client: Client) -> None:
    stock(NW_11=3)
    order, run = fulfil(("NW-11", 12))
    run.until_rest()
    url = f"/api/orders/{order.id}/cancel"
    body = {"reason": "found it cheaper"}
    first = client.post(url, body, content_type="application/json")
    again = client.post(url, body, content_type="application/json")
    assert (first.status_code, again.status_code) == (202, 202)
    run.until(lambda run: run.state == "cancelled")
    assert status_of(order) == "cancelled"
    settled = client.post(url, "", content_type="application/json")
    assert settled.status_code == 200
    assert settled.json() == {
        "id": str(order.id),
        "reference": "NW-1",
        "status": "cancelled",
        "detail": "The order was cancelled on request.",
    }
    assert (run.saga.failure or {})["message"] == "found it cheaper"


def test_once_the_label_is_made_cancelling_is_refused_with_the_reason_and_changes_nothing(
    catalog: None, client: Client
) -> None:
    stock(NW_11=20)
    order, run = fulfil(("NW-11", 12))
    run.until_rest()
    before = (run.state, run.done, status_of(order))
    response = client.post(f"/api/orders/{order.id}/cancel", {}, content_type="application/json")
    assert response.status_code == 409
    assert response.json()["type"] == "urn:orderly:problem:too-late-to-cancel"
    assert "order NW-1 can no longer be cancelled: " in response.json()["detail"]
    assert (run.state, run.done, status_of(order)) == before
    run.send("shipping.dispatched", DISPATCHED).until_rest()
    with pytest.raises(CancelRefused, match="has been shipped"):
        cancel_order(order_id=order.id, by="test")


def test_an_order_that_is_not_there_cannot_be_cancelled(client: Client) -> None:
    nobody = UUID(int=1)
    with pytest.raises(OrderNotFound):
        cancel_order(order_id=nobody, by="test")
    response = client.post(f"/api/orders/{nobody}/cancel", {}, content_type="application/json")
    assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")


def test_a_reason_must_be_text(catalog: None, client: Client) -> None:
    stock(NW_11=20)
    order, _ = fulfil(("NW-11", 1))
    for body in ({"reason": 5}, {"reason": "x" * 201}, {"refund": True}, {"reason": "a\0b"}):
        response = client.post(f"/api/orders/{order.id}/cancel", body, content_type="application/json")
        assert response.status_code == 400
    assert status_of(order) == "placed"


def test_the_timeline_tells_the_story_in_plain_words(catalog: None, client: Client) -> None:
    stock(NW_11=20)
    order, run = fulfil(("NW-11", 12))
    run.until_rest()
    saga = client.get(f"/api/orders/{order.id}").json()["saga"]
    assert (saga["state"], saga["milestone"]) == ("waiting", "PaymentProcessed")
    told = [entry["text"] for entry in saga["timeline"]]
    assert told[0] == "Order confirmed"
    assert set(told[1:3]) == {"Stock checked", "Card checked"}
    assert told[3:] == ["Payment taken", "Shipping label made", "Waiting for the carrier"]


@pytest.mark.parametrize("seed", range(3))
def test_doubled_and_shuffled_messages_change_nothing(catalog: None, seed: int) -> None:
    stock(NW_11=20)
    order, run = fulfil(("NW-11", 12), reject_at="shipping.create_label", doubled=True, shuffled=seed)
    run.until_rest()
    assert (run.state, status_of(order), on_hand("NW-11")) == ("compensated", "cancelled", 20)


def test_the_definition_has_no_faults() -> None:
    faults = [str(found) for found in run_checks() if "orders.fulfil" in str(found)]
    assert faults == []
