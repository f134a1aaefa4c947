"""What a customer reads when an order is cancelled."""

from __future__ import annotations

from typing import Any

import pytest

from orchestration import Failure
from orders.cancel_reasons import reason_for


@pytest.mark.parametrize(
    ("kind", "code", "message", "data", "said"),
    [
        ("rejected", "card_declined", "x", {}, "Your card was declined."),
        ("rejected", "insufficient_funds", "x", {}, "Your card was declined: there was not enough money."),
        (
            "rejected",
            "discontinued",
            "x",
            {"skus": ["A", "B"]},
            "A product is no longer made and not in stock: A, B.",
        ),
        ("rejected", "discontinued", "x", {}, "A product is no longer made and not in stock."),
        ("rejected", "undeliverable", "x", {}, "The carrier cannot deliver to this address."),
        ("rejected", "new_code", "do_not_honor (05) acct_1Hx", {}, "The order could not be fulfilled."),
        ("rejected", "new_code", "", {}, "The order could not be fulfilled."),
        ("cancel", "cancel", "cancelled by anonymous:192.0.2.1", {}, "The order was cancelled on request."),
        ("event_timeout", "x", "x", {}, "The missing products did not come into stock in time."),
        ("deadline", "x", "x", {}, "The order could not be fulfilled in time."),
    ],
)
def test_the_reason_is_in_the_customers_words(
    kind: str, code: str, message: str, data: dict[str, Any], said: str
) -> None:
    assert reason_for(Failure(step=None, kind=kind, code=code, message=message, data=data)) == said


def test_without_a_failure_there_is_still_a_sentence() -> None:
    assert reason_for(None) == "The order was cancelled."
