"""An order whose saga is gone: what its own row still tells. Pure. Retention removes only what has ended."""

from __future__ import annotations

from datetime import datetime

from orders.status import IN_WORDS, OrderStatus
from orders.storefront.order_tracker import Milestone, MilestoneState
from orders.storefront.story import Entry, EntryState


def remembered_milestones(status: OrderStatus, *, placed_at: datetime) -> tuple[Milestone, ...]:
    """The stops, without their times: a shipped order has passed them all, any other was stopped."""
    ordered = Milestone(name="Ordered", state=MilestoneState.DONE, at=placed_at)
    if status is not OrderStatus.SHIPPED:
        return (ordered, Milestone(name=IN_WORDS[status], state=MilestoneState.STOPPED))
    return (
        ordered,
        *(Milestone(name=name, state=MilestoneState.DONE) for name in ("Paid", "Packed", "Shipped")),
    )


def remembered_story(status: OrderStatus, *, placed_at: datetime, reason: str) -> list[Entry]:
    """The beginning and the end."""
    placed = Entry(state=EntryState.PAST, words="Order placed", at=placed_at)
    if status is OrderStatus.SHIPPED:
        return [placed, Entry(state=EntryState.PAST, words="Order shipped")]
    return [placed, Entry(state=EntryState.PROBLEM, words=f"Order {IN_WORDS[status].lower()}", note=reason)]


def remembered_money(status: OrderStatus) -> str:
    """Where the money is. Of an order that was cancelled everything is undone, or its saga would be there."""
    if status is OrderStatus.SHIPPED:
        return "Your payment was taken."
    return "No money was taken, or you got it back." if status is OrderStatus.CANCELLED else ""
