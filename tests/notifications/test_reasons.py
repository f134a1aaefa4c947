"""Why an order was cancelled: one sentence for each way in which it can happen."""

from __future__ import annotations

from typing import Any

import pytest

from notifications.reasons import TECHNICAL, reason_for
from orchestration import Failure

NAMES = {"A": "Chai"}


@pytest.mark.parametrize(
    ("kind", "code", "data", "sentence"),
    [
        ("rejected", "card_declined", {}, "Your bank declined the payment."),
        (
            "rejected",
            "insufficient_funds",
            {},
            "Your bank declined the payment: there was not enough money on the account.",
        ),
        ("rejected", "undeliverable", {}, "Our carrier does not deliver to your address."),
        ("rejected", "authorization_expired", {}, "The payment we had reserved on your card has expired."),
        (
            "rejected",
            "discontinued",
            {"skus": ["A"]},
            "Chai is no longer made, and we have not enough left of it.",
        ),
        (
            "rejected",
            "discontinued",
            {"skus": ["A", "B", "C"]},
            "Chai, B and C are no longer made, and we have not enough left of them.",
        ),
        (
            "rejected",
            "discontinued",
            {},
            "A product you ordered is no longer made, and we have not enough left of it.",
        ),
        (
            "rejected",
            "discontinued",
            {"skus": "A"},
            "A product you ordered is no longer made, and we have not enough left of it.",
        ),
        ("rejected", "never_heard_of", {}, TECHNICAL),
        ("exhausted", "card_declined", {}, TECHNICAL),
        ("cancel", "cancelled", {}, "You asked us to cancel it."),
        ("deadline", "deadline", {}, "The products did not come back into stock in time."),
        ("event_timeout", "event_timeout", {}, "The products did not come back into stock in time."),
        ("operator", "operator", {}, "Our customer service cancelled it."),
    ],
)
def test_each_failure_has_its_sentence(kind: str, code: str, data: dict[str, Any], sentence: str) -> None:
    failure = Failure(step="step", kind=kind, code=code, message="for engineers only", data=data)
    assert reason_for(failure, NAMES) == sentence


def test_without_a_failure_we_are_sorry() -> None:
    assert reason_for(None, {}) == TECHNICAL
