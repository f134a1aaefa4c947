"""What every carrier adapter must do: the same tests over the one in memory and the one over HTTP to a real process."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import uuid4

import pytest

from orchestration import OutcomeUnknown, StepRejected
from shipping.contracts import Address
from shipping.labels import Carrier, Label, ListsEffects

REIMS = Address(name="Paul", line1="59 rue de l'Abbaye", city="Reims", country="France")
NOWHERE = Address(name=" Nowhere", line1="1 Road", city="Reims", country="France")


def label(
    carrier: Carrier, key: str, service: str | None = None, to: Address = REIMS, order_id: str = "order"
) -> Label:
    return carrier.create_label(key=key, order_id=order_id, reference="NW-1", ship_to=to, service=service)


def test_a_label_has_an_id_and_a_tracking_number(any_carrier: Carrier) -> None:
    made = label(any_carrier, str(uuid4()))
    assert made.id.startswith("lbl_")
    assert made.tracking.startswith("TRK")
    assert made.service == "Speedy Express"
    assert label(any_carrier, str(uuid4()), "United Package").service == "United Package"
    assert label(any_carrier, str(uuid4()), "Some Other Carrier").service == "Some Other Carrier"


def test_the_same_request_under_the_same_key_makes_one_label(any_carrier: Carrier) -> None:
    key = f"{uuid4()}/shipping.create_label/forward/1"
    first = label(any_carrier, key)
    assert label(any_carrier, key) == first
    assert any_carrier.find(key) == first


def test_another_request_under_the_same_key_is_never_taken_for_the_first(any_carrier: Carrier) -> None:
    key = str(uuid4())
    first = label(any_carrier, key)
    with pytest.raises(OutcomeUnknown) as error:
        label(any_carrier, key, order_id="other")
    assert error.value.code == "idempotency_key_reused"
    assert any_carrier.find(key) == first


@pytest.mark.parametrize(("service", "to"), [("Nowhere Express", REIMS), (None, NOWHERE)])
def test_where_nobody_delivers_no_label_is_made(
    any_carrier: Carrier, service: str | None, to: Address
) -> None:
    key = str(uuid4())
    with pytest.raises(StepRejected) as error:
        label(any_carrier, key, service, to)
    assert error.value.code == "undeliverable"
    assert any_carrier.find(key) is None


def test_a_label_made_without_an_answer_is_found_by_key_and_not_made_twice(any_carrier: Carrier) -> None:
    key = str(uuid4())
    with pytest.raises(OutcomeUnknown):
        label(any_carrier, key, "Silent Express")
    found = any_carrier.find(key)
    assert found is not None
    assert label(any_carrier, key, "Silent Express") == found


def test_a_carrier_that_is_down_for_two_calls_makes_nothing_in_them(any_carrier: Carrier) -> None:
    key = str(uuid4())
    again: Callable[[], Label] = lambda: label(any_carrier, key, "Stumbling Express")  # noqa: E731
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            again()
        assert any_carrier.find(key) is None
    assert again() == any_carrier.find(key)


def test_a_cancelled_key_makes_no_label_from_then_on(any_carrier: Carrier) -> None:
    key = str(uuid4())
    assert any_carrier.refuse(key) is None
    with pytest.raises(StepRejected) as error:
        label(any_carrier, key)
    assert error.value.code == "key_cancelled"
    assert any_carrier.find(key) is None


def test_cancelling_a_key_too_late_says_which_label_was_made(any_carrier: Carrier) -> None:
    key = str(uuid4())
    made = label(any_carrier, key)
    assert any_carrier.refuse(key) == made


def test_what_was_accepted_is_listed_once_and_since_a_moment(any_carrier: Carrier) -> None:
    lists = cast("ListsEffects", any_carrier)
    key, order_id = str(uuid4()), str(uuid4())
    before = datetime.now(UTC) - timedelta(seconds=1)
    made = label(any_carrier, key, order_id=order_id)
    assert label(any_carrier, key, order_id=order_id) == made
    listed = [each for each in lists.list_effects(before) if each.order_id == order_id]
    assert [(each.label_id, each.key) for each in listed] == [(made.id, key)]
    assert list(lists.list_effects(datetime.now(UTC) + timedelta(hours=1))) == []
