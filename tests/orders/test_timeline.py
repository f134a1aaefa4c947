"""The words of the timeline: every step of the saga has some, in each direction it can go."""

from __future__ import annotations

import pytest

from orchestration import nothing
from orders.sagas import fulfil_order
from orders.timeline import FORWARD, RETURNED, WAITED_FOR, in_words


def test_every_step_wait_and_undo_of_the_saga_has_words_and_nothing_else_has() -> None:
    kind = type(nothing("x"))
    assert set(FORWARD) == fulfil_order.steps.keys() | fulfil_order.waits.keys()
    assert set(WAITED_FOR) == fulfil_order.waits.keys()
    undone = {
        name for name, step in fulfil_order.steps.items() if step.undo and not isinstance(step.undo, kind)
    }
    assert set(RETURNED) == undone


@pytest.mark.parametrize(
    ("name", "direction", "state", "said"),
    [
        ("payments.capture", "forward", "done", "Payment taken"),
        ("payments.capture", "undo", "done", "Payment refunded"),
        ("payments.capture", "undo", "not_needed", "Payment refunded: not needed"),
        ("payments.authorize", "forward", "rejected", "Card checked: refused"),
        ("payments.authorize", "forward", "waiting", "Card checked: waiting"),
        ("shipping.dispatched", "forward", "waiting", "Waiting for the carrier"),
        ("shipping.stock_reserved", "forward", "done", "Stock arrived and is held for you"),
        ("gifts.wrap_parcel", "forward", "done", "gifts: wrap parcel"),
    ],
)
def test_a_line_says_what_and_how_it_stands(name: str, direction: str, state: str, said: str) -> None:
    assert in_words(name=name, direction=direction, state=state) == said
