"""Webhooks that are signed and cannot be true: refused with the reason, put before a person, and never stored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction

from orchestration.models import Incident, OutboxMessage, Saga
from shipping.contracts import LabelCreated
from shipping.dispatching import Outcome, record_dispatch
from shipping.models import Shipment
from tests.shipping.test_webhook import AT, _settings, news, post

__all__ = ["_settings"]

pytestmark = pytest.mark.urls("tests.shipping.urls")

MakeParcel = Callable[[], tuple[UUID, str]]


@pytest.fixture
def make_parcel(
    warehouse: None, reserve: Callable[..., tuple[UUID, Any]], label: Callable[[UUID], LabelCreated]
) -> MakeParcel:
    """Makes orders with stock, label and a saga that waits for the parcel to leave."""

    def make() -> tuple[UUID, str]:
        order_id, _ = reserve(A=1)
        Saga.objects.create(
            definition="orders.fulfil", version=1, business_key=str(order_id), state="waiting", input={}
        )
        return order_id, label(order_id).label_id

    return make


def open_incidents(order_id: UUID) -> list[tuple[str, str]]:
    found = Incident.objects.filter(saga__business_key=str(order_id), resolved_at=None)
    return [(incident.kind, incident.step) for incident in found]


ONE = [("contradicting_news", "shipping.dispatched")]


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"at": "9999-12-31T23:59:59-14:00"}, "at"),
        ({"at": "0001-01-01T00:00:00+14:00"}, "at"),
        ({"at": "1999-12-31T23:59:59+00:00"}, "at"),
        ({"at": (datetime.now(UTC) + timedelta(days=3)).isoformat()}, "at"),
        ({"at": 1e18}, "at"),
        ({"at": 0}, "at"),
        ({"at": "infinity"}, "at"),
        ({"label_id": "lbl\0"}, "label_id"),
        ({"label_id": "lbl \u202e"}, "label_id"),
        ({"label_id": "\ud800"}, "label_id"),
        ({"label_id": 7}, "label_id"),
        ({"label_id": "x", "at": "yesterday"}, "at"),
    ],
)
def test_what_cannot_be_true_is_refused_with_the_reason_and_put_before_a_person(
    make_parcel: MakeParcel, changes: dict[str, Any], names: str
) -> None:
    order_id, label_id = make_parcel()
    for _ in range(2):  # the carrier tries again
        answer = post(news(order_id, label_id, **changes))
        assert (answer.status_code, f"The field {names}" in answer.json()["detail"]) == (400, True)
    untouched_parcel(order_id)
    assert open_incidents(order_id) == ONE


def test_when_it_comes_as_it_should_the_incident_closes_itself(make_parcel: MakeParcel) -> None:
    order_id, label_id = make_parcel()
    post(news(order_id, label_id, at="9999-12-31T23:59:59-14:00"))
    assert post(news(order_id, label_id)).status_code == 200
    assert open_incidents(order_id) == []


def test_one_id_for_two_parcels_is_the_first_ones(make_parcel: MakeParcel) -> None:
    (first, its_label), (second, other_label) = make_parcel(), make_parcel()
    assert post(news(first, its_label)).status_code == 200
    answer = post(news(second, other_label))
    assert (answer.status_code, "of another parcel" in answer.json()["detail"]) == (409, True)
    assert (open_incidents(first), open_incidents(second)) == ([], ONE)
    untouched_parcel(second)
    assert OutboxMessage.objects.count() == 1
    assert post(news(second, other_label, id="evt_2"), event_id="evt_2").status_code == 200
    assert open_incidents(second) == []


def test_the_caller_of_record_dispatch_is_told_as_well(make_parcel: MakeParcel) -> None:
    (first, its_label), (second, other_label) = make_parcel(), make_parcel()
    at = datetime.fromisoformat(AT)
    assert record_dispatch(event_id="e", label_id=its_label, order_id=first, at=at) is Outcome.RECORDED
    assert (
        record_dispatch(event_id="e", label_id=other_label, order_id=second, at=at) is Outcome.ID_OF_ANOTHER
    )


def test_news_of_an_order_nobody_knows_opens_nothing(make_parcel: MakeParcel) -> None:
    make_parcel()
    assert post(news(UUID(int=1), "x", at="yesterday")).status_code == 400
    assert post(news(UUID(int=1), "x", order_id="no id", at="yesterday")).status_code == 400
    assert not Incident.objects.exists()


@pytest.mark.parametrize(
    "at",
    ["9999-12-31 23:59:59-14:00", "infinity", "-infinity", "0001-01-01 00:00:00+14", "1999-12-31 00:00+00"],
)
def test_a_date_that_cannot_be_read_back_is_not_stored(make_parcel: MakeParcel, at: str) -> None:
    make_parcel()
    sql = "UPDATE shipping_shipment SET state = 'dispatched', dispatch_event_id = 'e', dispatched_at = %s"
    with (
        pytest.raises(IntegrityError, match="shipment_dispatched_at_readable"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql, [at])


def untouched_parcel(order_id: UUID) -> None:
    assert Shipment.objects.get(order_id=order_id).state == "labelled"
