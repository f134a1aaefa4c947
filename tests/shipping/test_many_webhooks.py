"""Thousands of webhooks that are forged, and hundreds that are signed and odd: no error of ours, and rows that equal the answers."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from orchestration.models import OutboxMessage
from shipping.contracts import LabelCreated
from shipping.models import Shipment
from shipping.standard_webhooks import sign
from tests.shipping.test_webhook import _settings, news, post

__all__ = ["_settings"]

pytestmark = pytest.mark.urls("tests.shipping.urls")

FORGED = 2_000
ODD = 200
ODD_VALUES: list[Any] = [
    "", "\0", "\ud800", "x" * 5_000, "\u202e", 0, -1, 1e308, 10**30, True, None, [], {}, [[[]]], "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00+14:00", "2026-02-30T00:00:00Z", "infinity", "not-a-uuid", "00000000-0000-0000-0000-000000000000",
]  # fmt: skip


@pytest.fixture
def parcels(
    warehouse: None, reserve: Callable[..., tuple[UUID, Any]], label: Callable[[UUID], LabelCreated]
) -> list[tuple[UUID, str]]:
    """Three orders with stock and label."""
    orders = [reserve(A=1)[0] for _ in range(3)]
    return [(order_id, label(order_id).label_id) for order_id in orders]


def counted() -> tuple[int, int]:
    return Shipment.objects.filter(state="dispatched").count(), OutboxMessage.objects.count()


def test_of_two_thousand_forged_none_is_believed(parcels: list[tuple[UUID, str]]) -> None:
    chance = random.Random(7)
    client, body = Client(), json.dumps(news(*parcels[0])).encode()
    statuses: Counter[int] = Counter()
    for _ in range(FORGED):
        now = int(time.time())
        headers = {
            "webhook-id": "evt_1",
            "webhook-timestamp": str(now),
            "webhook-signature": sign(secret=b"w" * 32, event_id="evt_1", timestamp=now, body=body),
        }
        sent = bytearray(body)
        match chance.randrange(6):
            case 0:
                sent[chance.randrange(len(sent))] ^= 1 << chance.randrange(8)
            case 1:
                headers.pop(chance.choice([*headers]))
            case 2:
                headers["webhook-timestamp"] = chance.choice(
                    ["", "-1", "1e9", str(now - 301), str(now + 4_000), "9" * 40]
                )
            case 3:
                headers["webhook-signature"] = chance.choice(
                    ["", "v1,", "v1", "v2," + "A" * 44, "é", "v1," + "A" * 5_000]
                )
            case 4:
                headers["webhook-id"] = chance.choice(["", "evt_2", "a b", "x" * 200, "é"])
            case _:
                sent = sent[: chance.randrange(len(sent))]
        answer = client.post("/hooks/carrier", bytes(sent), content_type="application/json", headers=headers)
        statuses[answer.status_code] += 1
    assert statuses == {401: FORGED}
    assert counted() == (0, 0)


def test_of_two_hundred_that_are_signed_and_odd_each_is_answered_and_rows_equal_the_answers(
    parcels: list[tuple[UUID, str]],
) -> None:
    chance = random.Random(11)
    recorded = 0
    for number in range(ODD):
        order_id, label_id = chance.choice(parcels)
        values = news(order_id, label_id, id=f"evt_{number % 40}")
        for _ in range(chance.randrange(3)):
            field = chance.choice(["label_id", "order_id", "at", "type", "extra"])
            values[field] = chance.choice(ODD_VALUES)
        if chance.random() < 0.1:
            values.pop(chance.choice([*values]))
        answer = post(json.dumps(values).encode(), event_id=f"evt_{number % 40}")
        assert answer.status_code in {200, 400, 404, 409}, (values, answer.content)
        recorded += answer.status_code == 200 and answer.json()["status"] == "recorded"
    assert recorded == 3
    assert counted() == (recorded, recorded)
