"""Following orders by looking at their rows, until each has ended or rests. Looks only; changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from uuid import UUID

from orchestration.models import Saga, SagaStep
from orders.models import Order
from orders.sagas import FULFIL_ORDER

LOOK_FIRST_AFTER, LOOK_LEAST_EVERY = 0.005, 0.1
"""Seconds between two looks: short at first, because a step takes milliseconds, then sparing."""

QUIET_FOR = 20.0
"""Seconds without any change after which we ask whether a worker is still there."""

DECIDED = ("done", "rejected", "failed", "absent")
ENDED = ("completed", "compensated", "failed", "cancelled", "undo_failed")
BACKORDERED = "backordered"
"""Rests until stock comes."""
STUCK = "stuck"
"""Neither ended nor resting: an undo failed, and a person must decide."""


SAID = 5
"""Orders named of those that are waited for; the rest is counted."""


class StillUnderWay(Exception):
    """The time that somebody was ready to wait is over; the message names what had not ended."""


class WorkersGone(Exception):
    """Nothing moves, and no worker answers."""


def stock_is_decided(order_id: UUID) -> bool:
    """Whether the warehouse has said yes, no or later for an order, or its saga has ended (and may be pruned)."""
    sagas = Saga.objects.filter(definition=FULFIL_ORDER, business_key=str(order_id))
    if sagas.filter(state__in=ENDED).exists() or not sagas.exists():
        return True
    return SagaStep.objects.filter(
        saga__in=sagas, name="shipping.reserve_stock", direction="forward", state__in=DECIDED
    ).exists()


def endings_of(order_ids: Iterable[UUID]) -> dict[UUID, str]:
    """For each order that has ended or rests: shipped, backordered, cancelled, or stuck. Others are left out.

    One whose saga was pruned has ended.
    """
    keys = {str(order_id): order_id for order_id in order_ids}
    sagas = Saga.objects.filter(definition=FULFIL_ORDER, business_key__in=keys)
    states = dict(sagas.values_list("business_key", "state"))
    ended = {key: state for key, state in states.items() if state in ENDED}
    resting = SagaStep.objects.filter(
        saga__in=sagas.filter(state="waiting"), name="shipping.stock_reserved", state="waiting"
    ).values_list("saga__business_key", flat=True)
    endings = {keys[key]: BACKORDERED for key in resting}
    for key, state in ended.items():
        if state == "undo_failed":
            endings[keys[key]] = STUCK
    settled = [pk for key, pk in keys.items() if key not in states or (key in ended and pk not in endings)]
    endings.update(Order.objects.filter(pk__in=settled).values_list("pk", "status"))
    return endings


def awaited_in_words(order_ids: Iterable[UUID]) -> str:
    """Name the orders that are waited for, and what each is at: `NW-1 (running: shipping.dispatched)`. Three queries."""
    keys = {str(order_id) for order_id in order_ids}
    sagas = {
        saga.business_key: saga
        for saga in Saga.objects.filter(definition=FULFIL_ORDER, business_key__in=sorted(keys)[:SAID])
    }
    at_work: dict[UUID, list[str]] = {}
    rows = SagaStep.objects.filter(
        saga__in=sagas.values(), state__in=("pending", "running", "waiting", "unknown", "failed", "rejected")
    )
    for saga_id, name in rows.order_by("id").values_list("saga_id", "name"):
        at_work.setdefault(saga_id, []).append(name)
    told = [
        f"{saga.reference or saga.business_key} ({'paused' if saga.paused else saga.state}"
        f"{': ' + ', '.join(at_work[saga.id]) if saga.id in at_work else ''})"
        for saga in sagas.values()
    ]
    more = len(keys) - len(told)
    return ", ".join(sorted(told)) + (f" and {more} more" if more > 0 else "")


def signs_of_life(order_ids: Iterable[UUID]) -> int:
    """A number that changes whenever one of these orders gets on."""
    keys = [str(order_id) for order_id in order_ids]
    finished = SagaStep.objects.filter(
        saga__definition=FULFIL_ORDER, saga__business_key__in=keys, state__in=(*DECIDED, "not_needed")
    )
    return finished.count()


def wait_until(
    is_done: Callable[[], bool],
    *,
    progress: Callable[[], int],
    missing_workers: Callable[[], str | None],
    awaited: Callable[[], str] = lambda: "",
    say: Callable[[str], None] = lambda sentence: None,
    at_most: float | None = None,
) -> None:
    """Look again and again until `is_done`.

    Args:
        is_done: the question.
        progress: a number that changes whenever anything does.
        missing_workers: says why no work would be done.
        awaited: what is waited for, in words.
        say: told `awaited` whenever nothing has moved for `QUIET_FOR` seconds.
        at_most: seconds; by default as long as it takes.

    Raises:
        StillUnderWay: `at_most` is over.
        WorkersGone: `progress` has not changed for `QUIET_FOR` seconds and no worker answers.
    """
    pause, seen, changed_at = LOOK_FIRST_AFTER, -1, time.monotonic()
    began = changed_at
    while not is_done():
        if at_most is not None and time.monotonic() - began >= at_most:
            raise StillUnderWay(f"after {at_most:g} seconds it still waits for {awaited()}.")
        time.sleep(pause)
        pause = min(pause * 1.5, LOOK_LEAST_EVERY)
        now = time.monotonic()
        if now - changed_at < QUIET_FOR / 10:
            continue
        # Counted rarely: it is a heavier query than the question itself.
        if (moved := progress()) != seen:
            seen, changed_at = moved, now
        elif now - changed_at >= QUIET_FOR:
            if (why := missing_workers()) is not None:
                raise WorkersGone(f"nothing has moved for {QUIET_FOR:.0f} seconds: {why}")
            say(f"Nothing has moved for {QUIET_FOR:.0f} seconds; it waits for {awaited()}.")
            changed_at = now
