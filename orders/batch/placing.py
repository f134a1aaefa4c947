"""Placing the orders of a file one after the other, through the service that the API uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from orders.batch.following import (
    BACKORDERED,
    STUCK,
    awaited_in_words,
    endings_of,
    signs_of_life,
    stock_is_decided,
    wait_until,
)
from orders.batch.reading import FileLine
from orders.errors import InvalidOrder, ReferenceTaken
from orders.services.placing import place_order

PRINCIPAL = "command:place_orders"


@dataclass(slots=True, kw_only=True)
class BatchResult:
    """What became of a file."""

    placed: int = 0
    existing: int = 0
    errors: list[dict[str, object]] = field(default_factory=list)
    """`{"line": int, "reason": str}` each."""
    orders: dict[UUID, int] = field(default_factory=dict)
    """Every order of the file, with the line it stands on."""
    endings: dict[UUID, str] = field(default_factory=dict)

    def count(self, ending: str) -> int:
        """How many orders ended like this."""
        return sum(1 for found in self.endings.values() if found == ending)


def place_lines(
    lines: Iterable[FileLine],
    *,
    result: BatchResult,
    sequential: bool,
    missing_workers: Callable[[], str | None],
    tell: Callable[[], None],
) -> None:
    """Place every good line; note every bad one.

    Args:
        lines: the file.
        result: is filled in as we go, so that it is right also when we are interrupted.
        sequential: whether to place an order only when the stock of the one before is decided.
        missing_workers: says why no work would be done.
        tell: called after each line.

    Raises:
        WorkersGone: `sequential`, and nobody decides.
    """
    for line in lines:
        try:
            if line.request is None:
                raise InvalidOrder([])
            placed = place_order(request=line.request, principal=PRINCIPAL)
        except (InvalidOrder, ReferenceTaken) as error:
            result.errors.append({"line": line.number, "reason": line.reason or str(error)})
        else:
            order_id = placed.order.id
            result.placed += not placed.existing
            result.existing += placed.existing
            result.orders.setdefault(order_id, line.number)
            if sequential:
                wait_until(
                    partial(stock_is_decided, order_id),
                    progress=partial(signs_of_life, [order_id]),
                    missing_workers=missing_workers,
                )
        tell()


def follow_to_endings(
    *,
    result: BatchResult,
    missing_workers: Callable[[], str | None],
    tell: Callable[[], None],
    say: Callable[[str], None] = lambda sentence: None,
    at_most: float | None = None,
) -> None:
    """Wait until every order of the file is shipped, cancelled, resting back-ordered, or stuck.

    `say` is told what is waited for when nothing moves; `at_most` seconds are waited, or as long as it takes.

    Raises:
        StillUnderWay: the time is over.
        WorkersGone: nothing moves, and no worker answers.
    """

    def all_ended() -> bool:
        # Who rests is asked about again each time: stock may come while we wait for the others.
        final = {order_id: ending for order_id, ending in result.endings.items() if ending != BACKORDERED}
        result.endings = final | endings_of(result.orders.keys() - final.keys())
        tell()
        return len(result.endings) == len(result.orders)

    wait_until(
        all_ended,
        progress=lambda: signs_of_life(result.orders),
        missing_workers=missing_workers,
        awaited=lambda: awaited_in_words(result.orders.keys() - result.endings.keys()),
        say=say,
        at_most=at_most,
    )
    for order_id, ending in result.endings.items():
        if ending == STUCK:
            reason = (
                f"order {order_id} could not be undone; a person must decide, see the incidents in the admin"
            )
            result.errors.append({"line": result.orders[order_id], "reason": reason})
