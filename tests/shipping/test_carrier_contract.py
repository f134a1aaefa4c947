"""What every carrier adapter must do: the same tests over the one in memory and the one over HTTP to a real process."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import pytest

from orchestration import StepRejected
from orchestration.providers import ListsEffects
from orchestration.providers.conformance import EffectConformance
from shipping.contracts import Address
from shipping.labels import Carrier, Label, ListedParcel

REIMS = Address(name="Paul", line1="59 rue de l'Abbaye", city="Reims", country="France")
NOWHERE = Address(name=" Nowhere", line1="1 Road", city="Reims", country="France")


def label(
    carrier: Carrier, key: str, service: str | None = None, to: Address = REIMS, order_id: str = "order"
) -> Label:
    return carrier.create_label(key=key, order_id=order_id, reference="NW-1", ship_to=to, service=service)


class TestLabel(EffectConformance):
    another = {"order_id": "other"}
    refusals = {"undeliverable": {"service": "Nowhere Express"}}
    losing_the_answer = ({"service": "Silent Express"},)
    down_for_two_calls = ({"service": "Stumbling Express"},)

    @pytest.fixture
    def client(self, any_carrier: Carrier) -> Carrier:
        return any_carrier

    def act(self, client: Carrier, key: str, **changes: Any) -> Label:
        return label(client, key, **changes)


def test_nothing_is_sent_to_nowhere(any_carrier: Carrier) -> None:
    key = str(uuid4())
    with pytest.raises(StepRejected) as error:
        label(any_carrier, key, to=NOWHERE)
    assert error.value.code == "undeliverable"
    assert any_carrier.find(key) is None


def test_a_label_has_an_id_and_a_tracking_number(any_carrier: Carrier) -> None:
    made = label(any_carrier, str(uuid4()))
    assert made.id.startswith("lbl_")
    assert made.tracking.startswith("TRK")
    assert made.service == "Speedy Express"
    assert label(any_carrier, str(uuid4()), "United Package").service == "United Package"
    assert label(any_carrier, str(uuid4()), "Some Other Carrier").service == "Some Other Carrier"


def test_what_was_accepted_is_listed_once_and_since_a_moment(any_carrier: Carrier) -> None:
    lists = cast("ListsEffects[ListedParcel]", any_carrier)
    key, order_id = str(uuid4()), str(uuid4())
    before = datetime.now(UTC) - timedelta(seconds=1)
    made = label(any_carrier, key, order_id=order_id)
    assert label(any_carrier, key, order_id=order_id) == made
    listed = [each for each in lists.list_effects(before) if each.order_id == order_id]
    assert [(each.label_id, each.key) for each in listed] == [(made.id, key)]
    assert list(lists.list_effects(datetime.now(UTC) + timedelta(hours=1))) == []
