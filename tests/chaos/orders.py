"""The orders of a plan: which arrive when, and how each must end. Pure: it draws from the random numbers it is given.

Load is open: orders arrive by the plan's clock, however slowly the system answers, so an outage leaves a backlog.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import TypeVar

K = TypeVar("K", bound=Hashable)


class Story(StrEnum):
    """What happens to an order, faults apart."""

    HAPPY = "happy"
    DECLINED = "declined"
    TROUBLE = "trouble"
    """A provider errs, or acts and never answers, and works in the end."""
    BACK_ORDER = "back_order"
    CANCEL = "cancel"
    """The customer changes their mind; whether that is too late, the site says."""
    UNDO_FAILS = "undo_fails"
    """No label can be made, and the money is never given back: a person has to decide."""


SHARES: dict[Story, int] = {
    Story.HAPPY: 60,
    Story.DECLINED: 15,
    Story.TROUBLE: 8,
    Story.BACK_ORDER: 7,
    Story.CANCEL: 5,
    Story.UNDO_FAILS: 5,
}
"""Of a hundred orders."""

VARIANTS: dict[Story, tuple[tuple[str, str], ...]] = {
    # Every fourth card is slow: a kill then meets a call that is under way, as it does with a real bank.
    Story.HAPPY: (("card_ok", ""), ("card_ok", ""), ("card_ok", ""), ("card_slow", "")),
    Story.DECLINED: (("card_declined", ""), ("card_capture_declined", "")),
    Story.TROUBLE: (
        ("card_charge_then_timeout", ""),
        ("card_server_error", ""),
        ("card_error_after_charge", ""),
        ("card_ok", "Stumbling Express"),
        ("card_ok", "Silent Express"),
    ),
    Story.BACK_ORDER: (("card_ok", ""),),
    Story.CANCEL: (("card_slow", ""), ("card_ok", "")),
    Story.UNDO_FAILS: (("card_refund_refused", "Nowhere Express"),),
}
"""Card and carrier, by turns."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Which products there are: plenty of some, none of one, and one that is not bought again."""

    plenty: tuple[str, ...]
    empty: str
    discontinued: str


@dataclass(frozen=True, slots=True)
class PlannedOrder:
    """One order."""

    number: int
    at: float
    """Seconds after the load has begun."""
    story: Story
    reference: str
    key: str
    """Its idempotency key."""
    card: str
    carrier: str
    lines: tuple[tuple[str, int], ...]
    cancel_after: float | None = None
    """Seconds after it was accepted."""
    repeats: bool = False
    """The customer sends it a second time, and must get the same answer to the byte."""


def orders_after(*, seed: int, number: int, seconds: float, shelf: Shelf) -> tuple[PlannedOrder, ...]:
    """Plain orders for the time after the faults: each must ship."""
    return plan_orders(Random(seed), f"{seed}-after", [Story.HAPPY] * number, seconds, shelf)


def apportion(total: int, weights: Mapping[K, int]) -> dict[K, int]:
    """Share out a number by weights, to the unit: largest remainders first, so that no share is left to chance."""
    exact = {key: total * weight / sum(weights.values()) for key, weight in weights.items()}
    shares = {key: int(value) for key, value in exact.items()}
    by_remainder = sorted(exact, key=lambda key: exact[key] - shares[key], reverse=True)
    for key in by_remainder[: total - sum(shares.values())]:
        shares[key] += 1
    return shares


def plan_orders(
    random: Random, name: str, stories: list[Story], seconds: float, shelf: Shelf
) -> tuple[PlannedOrder, ...]:
    """Give each story a time, a card, a carrier and lines.

    Args:
        random: drawn from in a fixed order.
        name: part of every reference and key.
        stories: one for each order, in the order in which they arrive.
        seconds: within which they arrive.
        shelf: the products.
    """
    times = sorted(random.uniform(0, seconds) for _ in stories)
    turns = dict.fromkeys(Story, 0)
    orders = []
    for number, (at, story) in enumerate(zip(times, stories, strict=True)):
        card, carrier = VARIANTS[story][turns[story] % len(VARIANTS[story])]
        turns[story] += 1
        skus = random.sample(shelf.plenty, random.randint(1, min(3, len(shelf.plenty))))
        lines = [(sku, random.randint(1, 5)) for sku in skus]
        if story is Story.BACK_ORDER:
            lines[0] = (shelf.empty, random.randint(1, 5))
        if story is Story.DECLINED and turns[story] % 5 == 0:
            # Short of what is not bought again: declined by the warehouse, while the money is being held.
            card, lines[0] = "card_ok", (shelf.discontinued, 1)
        orders.append(
            PlannedOrder(
                number=number,
                at=round(at, 2),
                story=story,
                reference=f"CH-{name}-{number:05}",
                key=f"chaos-{name}-{number:05}".ljust(36, "-"),
                card=card,
                carrier=carrier,
                lines=tuple(lines),
                cancel_after=round(random.uniform(0, 3), 2) if story is Story.CANCEL else None,
                repeats=random.random() < 0.05,
            )
        )
    return tuple(orders)
