"""The carrier's webhook at our door: what changes when it is true, and that nothing changes when it is not."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client

from orchestration.models import OutboxMessage
from shipping.contracts import DispatchedEvent, LabelCreated, StockLevel
from shipping.models import Reservation, Shipment, Stock
from shipping.standard_webhooks import sign
from shipping.stock import take_in
from tests.database.outages import OUTAGES, prepared

pytestmark = pytest.mark.urls("tests.shipping.urls")

SECRET = "w" * 32
AT = "2026-03-01T10:00:00+00:00"

Post = Callable[..., HttpResponse]


@pytest.fixture(autouse=True)
def _settings(settings: Any) -> None:
    settings.SHIPPING_CARRIER_SECRET = SECRET
    settings.SHIPPING_CARRIER = "shipping.carrier_memory.InMemoryCarrier"


def post(
    body: bytes | dict[str, Any],
    *,
    event_id: str = "evt_1",
    secret: str = SECRET,
    late: int = 0,
    **headers: str,
) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    timestamp = int(time.time()) - late
    signed = {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secret=secret.encode(), event_id=event_id, timestamp=timestamp, body=raw),
        **headers,
    }
    return Client(enforce_csrf_checks=True).post(
        "/hooks/carrier", data=raw, content_type="application/json", headers=signed
    )


def news(order_id: UUID, label_id: str, /, **changes: Any) -> dict[str, Any]:
    values = {"id": "evt_1", "type": "dispatched", "label_id": label_id, "order_id": str(order_id), "at": AT}
    return {**values, **changes}


@pytest.fixture
def parcel(
    warehouse: None,
    reserve: Callable[..., tuple[UUID, Any]],
    label: Callable[[UUID], LabelCreated],
) -> tuple[UUID, str]:
    """An order with its stock and its label."""
    order_id, _ = reserve(A=3)
    return order_id, label(order_id).label_id


def untouched(order_id: UUID) -> None:
    assert Shipment.objects.get(order_id=order_id).state == "labelled"
    assert Reservation.objects.get(order_id=order_id).state == "reserved"
    assert Stock.objects.get(sku="A").shipped == 0
    assert not OutboxMessage.objects.exists()


def test_a_dispatch_moves_parcel_units_and_saga_in_one_go(parcel: tuple[UUID, str]) -> None:
    order_id, label_id = parcel
    answer = post(news(order_id, label_id))
    assert (answer.status_code, answer.json()) == (200, {"status": "recorded"})
    shipment = Shipment.objects.get(order_id=order_id)
    assert (shipment.state, shipment.dispatch_event_id) == ("dispatched", "evt_1")
    assert shipment.dispatched_at is not None
    assert shipment.dispatched_at.isoformat() == AT
    assert Reservation.objects.get(order_id=order_id).state == "shipped"
    stock = Stock.objects.get(sku="A")
    assert (stock.on_hand, stock.reserved, stock.shipped) == (7, 0, 3)
    envelope = OutboxMessage.objects.get().payload
    assert {name: envelope[name] for name in ("id", "type", "source", "key")} == {
        "id": "evt_1",
        "type": "shipping.dispatched",
        "source": "shipping",
        "key": str(order_id),
    }
    assert DispatchedEvent.model_validate(envelope["data"]).label_id == label_id


def test_the_same_news_again_changes_nothing(parcel: tuple[UUID, str]) -> None:
    post(news(*parcel))
    again = post(news(*parcel))
    assert (again.status_code, again.json()) == (200, {"status": "known"})
    other = post(news(*parcel, id="evt_2"), event_id="evt_2")
    assert (other.status_code, other.json()) == (200, {"status": "known"})
    assert OutboxMessage.objects.count() == 1
    assert Stock.objects.get(sku="A").shipped == 3
    assert Shipment.objects.get().dispatch_event_id == "evt_1"


@pytest.mark.django_db(transaction=True)
def test_a_hundred_times_the_same_news_at_once_is_recorded_once(
    reserve: Callable[..., tuple[UUID, Any]], label: Callable[[UUID], LabelCreated]
) -> None:
    take_in([StockLevel(sku="A", units=10)])
    order_id, _ = reserve(A=3)
    body = news(order_id, label(order_id).label_id)

    def once(_: int) -> str:
        try:
            return str(post(body).json()["status"])
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as threads:
        told = sorted(threads.map(once, range(100)))
    assert told == ["known"] * 99 + ["recorded"]
    assert OutboxMessage.objects.count() == 1
    assert Stock.objects.get(sku="A").shipped == 3


@pytest.mark.parametrize("changes", [{"label_id": "lbl_unknown"}, {"order_id": str(uuid4())}])
def test_news_of_a_label_we_do_not_know_is_to_be_told_again(
    parcel: tuple[UUID, str], changes: dict[str, str]
) -> None:
    assert post(news(*parcel, **changes)).status_code == 404
    untouched(parcel[0])


UNVERIFIED: list[dict[str, Any]] = [
    {"secret": "x" * 32},
    {"late": 301},
    {"late": -310},
    {"webhook-signature": ""},
    {"webhook-signature": "v1"},
    {"webhook-signature": "v1,é"},
    {"webhook-id": "evt_2"},
    {"webhook-id": ""},
    {"webhook-timestamp": "soon"},
]


@pytest.mark.parametrize("changes", UNVERIFIED, ids=str)
def test_what_is_not_verified_gets_one_and_the_same_answer(
    parcel: tuple[UUID, str], changes: dict[str, Any]
) -> None:
    answer = post(news(*parcel), **changes)
    assert (answer.status_code, answer.content) == (401, b'{"status": 401, "detail": "Not verified."}')
    untouched(parcel[0])


def test_no_headers_at_all_is_not_verified(db: None) -> None:
    assert Client().post("/hooks/carrier", data=b"{}", content_type="application/json").status_code == 401


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b'{"type": "dispatched"}',
        b'{"type": "dispatched", "type": "dispatched"}',
        b'{"type": "dispatched", "at": NaN}',
        b'{"a":' * 20_00 + b"1" + b"}" * 20_00,
        json.dumps(news(uuid4(), "l", order_id="1")).encode(),
        json.dumps(news(uuid4(), "l", label_id="")).encode(),
        json.dumps(news(uuid4(), "l", at="yesterday")).encode(),
        json.dumps(news(uuid4(), "l", at="2026-03-01T10:00:00")).encode(),
        json.dumps(news(uuid4(), "l", id="evt_other")).encode(),
    ],
    ids=lambda raw: raw[:30].decode(errors="replace"),
)
def test_signed_nonsense_is_refused_in_words(parcel: tuple[UUID, str], raw: bytes) -> None:
    answer = post(raw)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    untouched(parcel[0])


def test_news_of_another_type_is_taken_and_ignored(parcel: tuple[UUID, str]) -> None:
    answer = post(news(*parcel, type="weighed"))
    assert (answer.status_code, answer.json()) == (200, {"status": "ignored"})
    untouched(parcel[0])


def test_a_parcel_without_stock_behind_it_is_not_taken_as_shipped(
    warehouse: None, label: Callable[[UUID], LabelCreated]
) -> None:
    order_id = uuid4()
    answer = post(news(order_id, label(order_id).label_id))
    assert answer.status_code == 409
    assert Shipment.objects.get(order_id=order_id).state == "labelled"
    assert not OutboxMessage.objects.exists()


def test_more_than_sixty_four_kibibytes_are_not_read(db: None) -> None:
    assert post(b" " * (64 * 1024 + 1)).status_code == 413


def test_only_post_is_answered(db: None) -> None:
    for method in ("get", "put", "delete", "patch"):
        assert getattr(Client(), method)("/hooks/carrier").status_code == 405


@pytest.mark.django_db(transaction=True)
def test_without_a_database_the_carrier_is_asked_to_come_again(parcel: tuple[UUID, str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (ours,) = cursor.fetchone() or (0,)

    def cut_off() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [ours])
        connection.close()

    with ThreadPoolExecutor(1) as other:
        other.submit(cut_off).result()
    answer = post(news(*parcel))
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    connection.close()
    untouched(parcel[0])
    assert post(news(*parcel)).json() == {"status": "recorded"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", OUTAGES)
def test_while_the_database_cannot_serve_anybody_the_carrier_is_asked_to_come_again(
    parcel: tuple[UUID, str], kind: str
) -> None:
    with prepared(kind):
        with OUTAGES[kind]():
            answer = post(news(*parcel))
        assert (answer.status_code, answer["Retry-After"]) == (503, "5")
        untouched(parcel[0])
        assert post(news(*parcel)).json() == {"status": "recorded"}
