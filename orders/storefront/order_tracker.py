"""The milestones above an order's story, as a parcel tracker shows them, and where the money is. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from orchestration.core.planning.standing import Effect
from orchestration.core.planning.states import Direction, SagaState, StepState
from orders import contracts as orders
from orders.status import OrderStatus
from orders.storefront.order_facts import SagaFacts
from payments import contracts as payments
from shipping import contracts as shipping


class MilestoneState(StrEnum):
    """How far a milestone is."""

    DONE = "done"
    CURRENT = "current"
    """The one being worked for."""
    WAITING = "waiting"
    """Held up by somebody outside."""
    AHEAD = "ahead"
    STOPPED = "stopped"
    """The order ended here without being fulfilled, or is about to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Milestone:
    """One stop of the tracker."""

    name: str
    state: MilestoneState
    at: datetime | None = None


_STOPS = (
    ("Paid", payments.capture.task),
    ("Packed", shipping.create_label.task),
    ("Shipped", orders.mark_shipped.task),
)
_HOLDS = (payments.authorize.task, payments.renew_authorization.task)
"""Steps after which an amount is held on the card."""


def track(saga: SagaFacts | None, *, status: OrderStatus, placed_at: datetime) -> tuple[Milestone, ...]:
    """The stops of an order, in order: Ordered, Paid, Packed, Shipped; or how it was stopped."""
    ordered = Milestone(name="Ordered", state=MilestoneState.DONE, at=placed_at)
    is_turned = saga.is_turned if saga is not None else status is OrderStatus.CANCELLED
    if is_turned:
        return (ordered, *(stop for stop in _stops(saga) if stop.state is MilestoneState.DONE), _end(saga))
    return (ordered, *_stops(saga))


def _stops(saga: SagaFacts | None) -> Iterator[Milestone]:
    is_current = True
    if saga is not None and is_waiting_for_stock(saga):
        yield Milestone(name="Waiting for stock", state=MilestoneState.WAITING)
        is_current = False
    for name, step in _STOPS:
        row = saga.row(step) if saga is not None else None
        if row is not None and row.state is StepState.DONE:
            yield Milestone(name=name, state=MilestoneState.DONE, at=row.ended_at)
        else:
            state = MilestoneState.CURRENT if is_current else MilestoneState.AHEAD
            yield Milestone(name=name, state=state)
            is_current = False


def _end(saga: SagaFacts | None) -> Milestone:
    closed = saga.row(orders.mark_cancelled.task, Direction.AFTER_UNDO) if saga is not None else None
    # The order is cancelled before the last e-mail is written: the story below says so already.
    is_cancelled = closed is not None and closed.state is StepState.DONE
    has_ended = saga is None or saga.has_ended or is_cancelled
    return Milestone(
        name="Cancelled" if has_ended else "Being cancelled",
        state=MilestoneState.STOPPED,
        at=closed.ended_at if closed is not None and has_ended else None,
    )


def is_waiting_for_stock(saga: SagaFacts) -> bool:
    """Whether the order rests until a restock."""
    row = saga.row(shipping.STOCK_RESERVED)
    return row is not None and row.state is StepState.WAITING and not saga.is_turned


def tracking_of(saga: SagaFacts | None) -> tuple[str, str] | None:
    """(carrier, tracking number), once the label is made."""
    row = saga.row(shipping.create_label.task) if saga is not None else None
    if row is None or row.state is not StepState.DONE:
        return None
    return str(row.result.get("carrier", "")), str(row.result.get("tracking", ""))


def money_in_words(saga: SagaFacts | None) -> str:
    """Where the customer's money is; empty while nothing has happened to it."""
    if saga is None:
        return ""
    taken = saga.effect(payments.capture.task)
    took, gave_back = taken is not Effect.NONE, taken is Effect.UNDONE
    if not saga.is_turned:
        if took:
            return "Your payment was taken."
        return "The amount is held on your card, and not taken yet." if _holds(saga) else ""
    if taken is Effect.KEPT:
        return (
            "Your payment was taken, and it is not paid back automatically: "
            "our customer service has decided so by hand."
        )
    if saga.state is SagaState.UNDO_FAILED and not gave_back and (took or _holds(saga)):
        # Which way it ends is that person's to decide: nothing is promised here.
        if took or _may_have_taken(saga):
            return "A person is looking at what becomes of your money."
        return "No money was taken. A person is looking at the hold on your card."
    if took:
        return (
            "Your money is back: the payment was refunded."
            if gave_back
            else "You are getting your money back."
        )
    if _may_have_taken(saga):
        return "We are asking the bank whether the payment went through. If it did, you get it back."
    if _holds(saga):
        return "The hold on your card is being released. No money was taken."
    if Effect.KEPT in (saga.effect(step) for step in _HOLDS):
        return "No money was taken. The hold on your card stays until it runs out by itself."
    held_before = saga.is_done(payments.authorize.task)
    released = "The hold on your card is released. " if held_before else ""
    return f"{released}No money was taken."


def _may_have_taken(saga: SagaFacts) -> bool:
    row = saga.row(payments.capture.task)
    return row is not None and (row.unsure or row.state in (StepState.RUNNING, StepState.UNKNOWN))


def _holds(saga: SagaFacts) -> bool:
    """Whether an amount is held on the card, and that is not yet decided about."""
    return any(saga.effect(step) in (Effect.STANDS, Effect.STUCK) for step in _HOLDS)
