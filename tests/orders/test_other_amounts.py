"""An order whose money is moved by another amount than was asked for: it keeps its place, and a person is told both amounts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pytest_django import Settings

from payments.gateway import Effect, gateway
from payments.models import Payment
from tests.orders.fulfilment import fulfil, stock

pytestmark = pytest.mark.django_db


def test_an_order_whose_capture_is_of_another_amount_keeps_its_place_and_a_person_is_told(
    catalog: None, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.PAYMENTS_GATEWAY = "payments.gateway_memory.InMemoryGateway"
    settings.SHIPPING_CARRIER = "shipping.carrier_memory.InMemoryCarrier"
    stock(NW_11=20)
    _, run = fulfil(("NW-11", 2))
    run.script.answers = {}
    capture = gateway().capture

    def short(**given: Any) -> Effect:
        return replace(capture(**given), amount_minor=given["amount_minor"] - 1)

    monkeypatch.setattr(gateway(), "capture", short)
    while run.carry_one():
        pass
    assert (run.state, "payments.capture" in run.done) == ("running", False)
    [incident] = run.incidents
    assert (incident.kind, incident.step) == ("effect_differs", "payments.capture")
    assert "was asked for 42.00 USD" in incident.message
    assert "is of 41.99 USD" in incident.message
    assert Payment.objects.get().state == "authorized"
    run.skip(601)  # the gateway, asked by the key, has the right amount after all
    assert run.until_rest().state == "waiting"
    assert (run.incidents, Payment.objects.get().captured_minor) == ([], 4200)
