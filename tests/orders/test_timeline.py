"""The words of the timeline: every step of the saga has some, at each moment and in each direction it can go."""

from __future__ import annotations

import pytest

from orchestration import nothing
from orders.sagas import fulfil_order
from orders.timeline import FOUND, WAITED_FOR, WORDS, in_words


def test_every_step_wait_and_undo_of_the_saga_has_words_and_nothing_else_has() -> None:
    kind = type(nothing("x"))
    assert set(WORDS) == fulfil_order.steps.keys() | fulfil_order.waits.keys()
    assert fulfil_order.waits.keys() == WAITED_FOR
    undone = {
        name for name, step in fulfil_order.steps.items() if step.undo and not isinstance(step.undo, kind)
    }
    for field in ("undone", "undoing", "to_undo", "stuck"):
        assert {name for name, words in WORDS.items() if getattr(words, field)} == undone, field


def test_what_a_result_says_belongs_to_a_result_the_step_can_have() -> None:
    possible = {
        (name, kind.__name__) for name, step in fulfil_order.steps.items() for kind in step.reference.gives
    }
    assert set(FOUND) <= possible


@pytest.mark.parametrize(
    ("name", "direction", "state", "said"),
    [
        ("payments.capture", "forward", "done", "Payment taken"),
        ("payments.capture", "undo", "done", "Payment refunded"),
        ("payments.capture", "undo", "not_needed", "Payment refunded: not needed"),
        ("payments.authorize", "forward", "rejected", "Card checked: refused"),
        ("payments.authorize", "forward", "waiting", "Card checked: waiting"),
        ("shipping.dispatched", "forward", "waiting", "Waiting for the carrier"),
        ("shipping.dispatched", "forward", "done", "Handed to the carrier"),
        ("gifts.wrap_parcel", "forward", "done", "gifts: wrap parcel"),
    ],
)
def test_a_line_says_what_and_how_it_stands(name: str, direction: str, state: str, said: str) -> None:
    assert in_words(name=name, direction=direction, state=state) == said
