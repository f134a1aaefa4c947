"""Orders whose saga was pruned: the order stays, and every place that looks for its saga says what is still known."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from config import invariants as across
from orchestration.errors import SagaError
from orchestration.models import Saga
from orchestration.operations.lookup import saga_called
from orchestration.verification import run_invariants
from orders import invariants as own
from orders.batch.following import endings_of, signs_of_life, stock_is_decided
from orders.errors import CancelRefused, OrderNotFound
from orders.models import IdempotencyKey, Order
from orders.services.cancelling import cancel_order
from orders.services.reading import read_order_in_full
from orders.storefront.order_page import STOP_POLLING
from payments.models import Payment
from tests.orchestration.retained import aged, pruned
from tests.orders.fulfilment import DISPATCHED, fulfil, stock
from tests.orders.storefront.browsing import words
from tests.orders.storefront.moving import customer_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalog"), pytest.mark.owner]
LONG: dict[str, Any] = {
    "completed": "30d",
    "compensated": "30d",
    "cancelled": "30d",
    "failed": "30d",
    "outbox": "30d",
}


def long_ago(client: Client, **faults: Any) -> Order:
    """An order of this browser that ended long ago; its saga is gone."""
    stock(NW_11=10)
    order, run = fulfil(("NW-11", 2), **faults)
    Order.objects.filter(pk=order.pk).update(placed_by=customer_of(client))
    run.until_rest()
    if run.state == "waiting":
        run.send("shipping.dispatched", DISPATCHED).until_rest()
    aged(run, 31)
    done = pruned(**LONG)
    assert sum(done.sagas.values()) == 1
    assert not Saga.objects.exists()
    order.refresh_from_db()
    return order


@pytest.fixture
def shipped(client: Client) -> Order:
    return long_ago(client)


@pytest.fixture
def cancelled(client: Client) -> Order:
    return long_ago(client, reject_at="payments.capture")


def test_the_page_of_a_shipped_order_tells_its_end_and_is_not_polled(client: Client, shipped: Order) -> None:
    page = client.get(f"/orders/{shipped.id}/")
    said = words(page)
    for part in (
        shipped.reference,
        "Order placed",
        "Order shipped",
        "Your payment was taken.",
        "Queso Cabrales",
    ):
        assert part in said, part
    for part in ("Now:", "Next:", "Cancel this order", "still to come"):
        assert part not in said, part
    assert b"hx-trigger" not in page.content
    assert [stop.state.value for stop in page.context["progress"].milestones] == ["done"] * 4
    assert client.get(f"/orders/{shipped.id}/progress/").status_code == STOP_POLLING


def test_the_page_of_a_cancelled_order_says_why(client: Client, cancelled: Order) -> None:
    page = client.get(f"/orders/{cancelled.id}/")
    said = words(page)
    assert cancelled.cancel_reason
    for part in ("Order cancelled", cancelled.cancel_reason, "No money was taken, or you got it back."):
        assert part in said, part
    assert [stop.name for stop in page.context["progress"].milestones] == ["Ordered", "Cancelled"]
    assert page.context["progress"].tone == "bad"
    assert cancelled.reference in words(client.get("/orders/"))


def test_to_ask_for_a_cancel_again_is_answered_as_before(client: Client, cancelled: Order) -> None:
    answer = cancel_order(order_id=cancelled.id, by="test")
    assert (answer.is_settled, answer.order.status) == (True, "cancelled")
    assert client.post(f"/orders/{cancelled.id}/cancel/").status_code == 302


def test_a_shipped_order_is_not_cancelled(client: Client, shipped: Order) -> None:
    with pytest.raises(CancelRefused, match="has been shipped"):
        cancel_order(order_id=shipped.id, by="test")
    refused = client.post(f"/api/orders/{shipped.id}/cancel", {}, content_type="application/json")
    assert refused.status_code == 409
    client.post(f"/orders/{shipped.id}/cancel/")
    assert "has been shipped" in words(client.get(f"/orders/{shipped.id}/"))
    shipped.refresh_from_db()
    assert shipped.status == "shipped"


def test_an_order_that_never_was_is_still_told_apart(shipped: Order) -> None:
    with pytest.raises(OrderNotFound):
        cancel_order(order_id=shipped.id.__class__(int=7), by="test")


def test_an_order_without_a_saga_that_has_not_ended_is_refused_and_not_lost(shipped: Order) -> None:
    Order.objects.filter(pk=shipped.pk).update(status="confirmed")
    with pytest.raises(CancelRefused, match="nothing is known of its saga"):
        cancel_order(order_id=shipped.id, by="test")


def test_the_api_reads_it_without_its_saga(client: Client, shipped: Order) -> None:
    told = client.get(f"/api/orders/{shipped.id}").json()
    assert (told["status"], told["status_text"], told["saga"]) == ("shipped", "Shipped", None)
    assert len(told["lines"]) == 1
    full = read_order_in_full(order_id=shipped.id)
    assert (full.saga, full.steps) == (None, [])


def test_following_it_ends_at_once(shipped: Order) -> None:
    assert endings_of([shipped.id]) == {shipped.id: "shipped"}
    assert stock_is_decided(shipped.id) is True
    assert signs_of_life([shipped.id]) == 0


def test_following_a_cancelled_one_tells_so(cancelled: Order) -> None:
    assert endings_of([cancelled.id]) == {cancelled.id: "cancelled"}


def test_the_admin_shows_the_order_with_its_payment_and_no_link_to_a_saga(
    client: Client, shipped: Order
) -> None:
    client.force_login(User.objects.create_superuser("operator", password="not used here"))
    page = client.get(reverse("admin:orders_order_change", args=[shipped.pk]))
    assert page.status_code == 200
    payment = Payment.objects.get(order_id=shipped.id)
    said = page.content.decode()
    assert reverse("admin:payments_payment_change", args=[payment.pk]) in said
    assert "Saga orders.fulfil" not in said
    assert client.get(reverse("admin:payments_payment_change", args=[payment.pk])).status_code == 200
    assert client.get(reverse("admin:orders_order_changelist")).status_code == 200
    found = client.get(reverse("admin:orchestration_saga_changelist"), {"q": str(shipped.id)})
    assert (found.status_code, found.context["cl"].result_count) == (200, 0)
    assert client.get(reverse("admin:index")).status_code == 200


def test_the_terminal_says_that_there_is_no_such_saga(shipped: Order) -> None:
    with pytest.raises(SagaError, match="no saga has"):
        saga_called(shipped.reference)


def test_every_check_still_holds_and_still_looks_at_the_order(shipped: Order) -> None:
    assert [
        text for check in run_invariants() for text in check.violations if check.name.startswith("orders")
    ] == []
    assert across.shipped_orders_are_complete().checked == 1
    Payment.objects.filter(order_id=shipped.id).update(refunded_minor=1)
    assert any("paid (4200, 1" in told for told in across.shipped_orders_are_complete().violations)


def test_a_cancelled_order_is_still_held_against_money_and_stock(cancelled: Order) -> None:
    found = across.cancelled_orders_are_undone()
    assert (found.checked, found.violations) == (1, [])


@pytest.mark.parametrize("status", ["placed", "confirmed", "backordered", "withdrawn"])
def test_an_order_that_has_not_ended_must_still_have_its_saga(shipped: Order, status: str) -> None:
    assert own.one_saga_per_order().violations == []
    Order.objects.filter(pk=shipped.pk).update(status=status)
    assert own.one_saga_per_order().violations == [f"{shipped.reference}: 1 order(s), 0 saga(s)"]


def test_orders_are_never_pruned_and_stored_answers_only_when_told(shipped: Order) -> None:
    then = timezone.now() - timedelta(days=4000)
    Order.objects.update(placed_at=then)
    for number in range(5):
        IdempotencyKey.objects.create(
            principal="test", key=str(number), request_hash="", status_code=201, body="{}",
            location=f"/api/orders/{shipped.id}", created=then if number < 3 else timezone.now(),
        )  # fmt: skip
    call_command("prune", "--pause", "0", verbosity=0)
    assert (Order.objects.count(), IdempotencyKey.objects.count()) == (1, 5)
    assert pruned(idempotency_keys="365d", batch=2, dry_run=True).removed["stored answers"] == 3
    assert pruned(idempotency_keys="365d", batch=2).removed["stored answers"] == 3
    assert set(IdempotencyKey.objects.values_list("key", flat=True)) == {"3", "4"}
    assert own.answers_have_orders().violations == []
    assert Order.objects.get().lines.count() == 1
