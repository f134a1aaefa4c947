"""The sentences beside the lines of an order's story. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from orchestration.core.planning.states import StepState
from orders.storefront.order_facts import StepFacts

SLOW_AFTER = timedelta(seconds=5)
"""A step that takes longer has met a trouble: the sandbox's slow card needs a second and a half."""

PAUSED = "We have stopped your order for a moment. Nothing is lost, and it goes on as soon as we have looked at it."
PERSON = "It goes on as soon as this is settled. You need not do anything."
BY_HAND = "Our customer service has decided so by hand."
STUCK = "This could not be done automatically."
FINISHED_FIRST = "Brought to its end first, so that nothing is left half done."


AWAITED = {
    "shipping.stock_reserved": "Your order keeps its place in the queue, and you get an e-mail when it ships.",
    "shipping.dispatched": "You get an e-mail when it has left.",
}


def past(row: StepFacts, *, candid: bool) -> str:
    """What is worth saying of a step that is done."""
    if candid and row.deaths:
        return f"A worker died at this step, and another one took it over ({row.deliveries} deliveries)."
    if candid and row.attempts > 1:
        return f"Worked at the {_ordinal(row.attempts)} attempt."
    return "Took longer than usual." if row.deaths or row.attempts > 1 else ""


def present(row: StepFacts | None, now: datetime, *, candid: bool) -> str:
    """What is worth saying of a step at work, or of an event that is awaited (`unsure`: overdue)."""
    if row is None:
        return ""
    if row.name in AWAITED:
        return "Later than expected; we are asking." if row.unsure else AWAITED[row.name]
    is_slow = (
        row.state is StepState.RUNNING and row.started_at is not None and now - row.started_at > SLOW_AFTER
    )
    if not (row.deaths or row.attempts or is_slow):
        return ""
    if not candid:
        return "This takes longer than usual; it goes on by itself."
    if row.deaths:
        return "The worker that had this step died; another one has taken it over."
    if row.attempts:
        return f"Attempt {row.attempts} did not work; it is tried again."
    return "No answer from its worker yet. If it is dead, another one takes over when the lease ends (15 seconds)."


def _ordinal(number: int) -> str:
    return {2: "second", 3: "third", 4: "fourth", 5: "fifth"}.get(number, f"{number}th")
