"""The milestones above the story, and where the money is, told of plain values."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orchestration import Failure
from orchestration.core.planning.states import Direction, SagaState, StepState
from orders.status import OrderStatus
from orders.storefront.order_facts import SagaFacts, StepFacts
from orders.storefront.order_tracker import money_in_words, track, tracking_of

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
UNDO = Direction.UNDO
AUTHORIZE, CAPTURE, LABEL = "payments.authorize", "payments.capture", "shipping.create_label"
STOCK = "shipping.stock_reserved"


def row(
    name: str, state: str = "done", direction: Direction = Direction.FORWARD, **more: object
) -> StepFacts:
    return StepFacts(name=name, state=StepState(state), direction=direction, **more)  # type: ignore[arg-type]  # fields by name


CLOSED = row("orders.mark_cancelled", direction=Direction.AFTER_UNDO)


def saga(state: str, *rows: StepFacts) -> SagaFacts:
    turned = state not in ("accepted", "running", "waiting", "completed")
    failure = Failure(step=None, kind="cancel", code="", message="", data={}) if turned else None
    return SagaFacts(state=SagaState(state), steps=rows, failure=failure)


@pytest.mark.parametrize(
    ("facts", "stops"),
    [
        (saga("accepted"), "Ordered done, Paid current, Packed ahead, Shipped ahead"),
        (saga("running", row(CAPTURE)), "Ordered done, Paid done, Packed current, Shipped ahead"),
        (saga("waiting", row(CAPTURE), row(LABEL)), "Ordered done, Paid done, Packed done, Shipped current"),
        (
            saga("completed", row(CAPTURE), row(LABEL), row("orders.mark_shipped")),
            "Ordered done, Paid done, Packed done, Shipped done",
        ),
        (
            saga("waiting", row(STOCK, "waiting")),
            "Ordered done, Waiting for stock waiting, Paid ahead, Packed ahead, Shipped ahead",
        ),
        (saga("running", row(STOCK)), "Ordered done, Paid current, Packed ahead, Shipped ahead"),
        (saga("compensating"), "Ordered done, Being cancelled stopped"),
        (saga("undo_failed", row(CAPTURE)), "Ordered done, Paid done, Being cancelled stopped"),
        # The e-mail about it is still to be written, and the story says "Order cancelled" already.
        (saga("compensating", CLOSED), "Ordered done, Cancelled stopped"),
        (saga("cancelled", row(STOCK, "waiting")), "Ordered done, Cancelled stopped"),
    ],
)
def test_the_milestones(facts: SagaFacts, stops: str) -> None:
    told = track(facts, status=OrderStatus.CONFIRMED, placed_at=START)
    assert ", ".join(f"{stop.name} {stop.state}" for stop in told) == stops


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (saga("accepted"), ""),
        (saga("running", row(AUTHORIZE)), "The amount is held on your card, and not taken yet."),
        (saga("running", row(AUTHORIZE), row(CAPTURE)), "Your payment was taken."),
        (saga("failed"), "No money was taken."),
        (saga("compensated", row(AUTHORIZE, "rejected")), "No money was taken."),
        (
            saga("compensating", row(AUTHORIZE)),
            "The hold on your card is being released. No money was taken.",
        ),
        (
            saga("compensated", row(AUTHORIZE), row(AUTHORIZE, "done", UNDO)),
            "The hold on your card is released. No money was taken.",
        ),
        (
            saga("compensating", row(AUTHORIZE), row(CAPTURE, "unknown")),
            "We are asking the bank whether the payment went through. If it did, you get it back.",
        ),
        (saga("compensating", row(AUTHORIZE), row(CAPTURE)), "You are getting your money back."),
        (
            saga("compensated", row(AUTHORIZE), row(CAPTURE), row(CAPTURE, "done", UNDO)),
            "Your money is back: the payment was refunded.",
        ),
        (
            saga("undo_failed", row(AUTHORIZE), row(CAPTURE), row(CAPTURE, "rejected", UNDO)),
            "A person is looking at what becomes of your money.",
        ),
        (
            saga("undo_failed", row(AUTHORIZE), row(AUTHORIZE, "rejected", UNDO)),
            "No money was taken. A person is looking at the hold on your card.",
        ),
        (
            saga("undo_failed", row(AUTHORIZE), row(CAPTURE, "unknown"), row(AUTHORIZE, "failed", UNDO)),
            "A person is looking at what becomes of your money.",
        ),
    ],
)
def test_where_the_money_is(facts: SagaFacts, said: str) -> None:
    assert money_in_words(facts) == said


def test_a_tracking_number_is_told_once_the_label_is_made() -> None:
    label = {"carrier": "Speedy Express", "tracking": "T1"}
    assert tracking_of(saga("running", row(LABEL, "running"))) is None
    assert tracking_of(saga("running", row(LABEL, result=label))) == ("Speedy Express", "T1")
