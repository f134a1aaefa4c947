"""What the database refuses of a payment, whoever writes it."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from payments.models import Payment

pytestmark = pytest.mark.django_db


def payment(**changes: Any) -> Payment:
    values = {
        "order_id": uuid4(),
        "state": "authorized",
        "currency": "USD",
        "amount_minor": 500,
        "authorization_id": "auth_1",
        "authorized_at": timezone.now(),
    }
    return Payment.objects.create(**{**values, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_minor": 0},
        {"amount_minor": -1},
        {"state": "captured", "capture_id": "c", "captured_minor": 501},
        {"state": "captured", "capture_id": "c", "captured_minor": 500, "refunded_minor": 501},
        {"state": "captured", "capture_id": "c", "captured_minor": 500, "refunded_minor": -1},
        {"state": "captured", "capture_id": "c", "captured_minor": 0},
        {"state": "captured", "captured_minor": 500},
        {
            "state": "refunded",
            "capture_id": "c",
            "captured_minor": 500,
            "refunded_minor": 499,
            "refund_id": "r",
        },
        {"state": "refunded", "capture_id": "c", "captured_minor": 500, "refunded_minor": 500},
        {"state": "authorized", "captured_minor": 500},
        {"state": "voided", "captured_minor": 500, "capture_id": "c"},
        {"state": "paid"},
        {"currency": "usd"},
        {"currency": ""},
    ],
    ids=str,
)
def test_what_cannot_be_true_of_money_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        payment(**changes)
    assert not Payment.objects.exists()


def test_an_order_has_one_payment() -> None:
    first = payment()
    with pytest.raises(IntegrityError), transaction.atomic():
        payment(order_id=first.order_id)
    assert Payment.objects.count() == 1


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"state": "voided"},
        {"state": "captured", "capture_id": "c", "captured_minor": 500},
        {"state": "captured", "capture_id": "c", "captured_minor": 400, "refunded_minor": 100},
        {
            "state": "refunded",
            "capture_id": "c",
            "captured_minor": 500,
            "refunded_minor": 500,
            "refund_id": "r",
        },
    ],
    ids=str,
)
def test_what_can_be_true_is_kept(changes: dict[str, Any]) -> None:
    payment(**changes)
    assert Payment.objects.count() == 1
