"""The step that hands a parcel over, against a real carrier process, and the row that follows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from orchestration import OutcomeUnknown, StepContext, StepRejected
from shipping import contracts, tasks
from shipping.models import Shipment

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("real_carrier")]

Context = Callable[..., StepContext]


def command(order_id: UUID, **changes: Any) -> contracts.CreateLabel:
    values = {"name": "Paul", "line1": "59 rue", "city": "Reims", "country": "France", "phone": "ignored"}
    return contracts.CreateLabel.model_validate(
        {"order_id": order_id, "reference": "NW-1", "ship_to": values, **changes}
    )


def test_a_label_has_its_row_once_it_is_recorded(context: Context) -> None:
    order_id, same = uuid4(), context()
    result = tasks.create_label(command(order_id, carrier="United Package"), same)
    assert not Shipment.objects.exists()
    for _ in range(2):
        tasks.save_label(command(order_id), result, same)
    shipment = Shipment.objects.get()
    assert (shipment.order_id, shipment.label_id, shipment.carrier, shipment.state) == (
        order_id,
        result.label_id,
        "United Package",
        "labelled",
    )


def test_a_refused_label_is_a_rejection_and_leaves_no_row(context: Context) -> None:
    with pytest.raises(StepRejected) as error:
        tasks.create_label(command(uuid4(), carrier="Nowhere Express"), context())
    assert error.value.code == "undeliverable"
    assert not Shipment.objects.exists()


def test_an_unknown_outcome_is_found_by_the_steps_key(context: Context) -> None:
    order, same = command(uuid4(), carrier="Silent Express"), context()
    assert tasks.find_label(order, same) is None
    with pytest.raises(OutcomeUnknown):
        tasks.create_label(order, same)
    found = tasks.find_label(order, same)
    assert found is not None
    assert tasks.refuse_label(order, same) == found
    assert tasks.create_label(order, same) == found
