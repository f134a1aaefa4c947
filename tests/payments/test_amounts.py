"""A gateway that does another amount than it was asked for is never believed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from orchestration import EffectDiffers, Message, StepContext
from payments import contracts, tasks
from payments.gateway import Effect, gateway

pytestmark = pytest.mark.django_db
ORDER = uuid4()
AMOUNT: dict[str, Any] = {"order_id": ORDER, "amount_minor": 500, "currency": "USD"}
EFFECT = Effect(
    id="x_1", kind="capture", order_id=str(ORDER), authorization_id="a_1", amount_minor=500, currency="USD"
)
STEPS: dict[str, tuple[Callable[..., Any], Message, str]] = {
    "authorization": (tasks.authorize, contracts.AuthorizePayment(**AMOUNT, card="card_ok"), "authorize"),
    "capture": (tasks.capture, contracts.CapturePayment(**AMOUNT, authorization_id="a_1"), "capture"),
    "refund": (tasks.refund, contracts.RefundPayment(**AMOUNT, capture_id="c_1"), "refund"),
}
LOOK_UPS: dict[str, list[Callable[..., Any]]] = {
    "authorization": [tasks.find_authorization, tasks.refuse_authorization],
    "capture": [tasks.find_capture, tasks.refuse_capture],
    "refund": [tasks.find_refund],
}


@pytest.mark.parametrize("wrong", [{"amount_minor": 499}, {"amount_minor": 50_000}, {"currency": "EUR"}])
@pytest.mark.parametrize("kind", STEPS)
def test_a_gateway_that_does_another_amount_is_never_believed(
    monkeypatch: pytest.MonkeyPatch, context: Callable[..., StepContext], kind: str, wrong: dict[str, Any]
) -> None:
    act, command, verb = STEPS[kind]
    there = replace(EFFECT, kind=kind, **wrong)
    for name in (verb, "find", "refuse"):
        monkeypatch.setattr(gateway(), name, lambda *_, **__: there)
    for ask in (act, *LOOK_UPS[kind]):
        with pytest.raises(EffectDiffers, match=r"was asked for 5\.00 USD, and its"):
            ask(command, context())
