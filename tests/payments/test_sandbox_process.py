"""The sandbox gateway as a process."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from orchestration.providers.conformance import RunningSandbox, SandboxConformance


def order(**changes: Any) -> dict[str, Any]:
    return {"order_id": str(uuid4()), "amount_minor": 500, "currency": "USD", "card": "card_ok", **changes}


class TestGatewayProcess(SandboxConformance):
    module = "payments.sandbox"
    variables = "ORDERLY_GATEWAY"
    acts_at = "/authorizations"
    hanging = {"card": "card_charge_then_timeout"}
    bad_requests = (
        order(amount_minor=0),
        order(amount_minor=-1),
        order(amount_minor=1.5),
        order(amount_minor=True),
        order(amount_minor="500"),
        order(currency="US"),
        order(order_id=""),
        order(card=None),
        [],
        "text",
    )
    cannot_start = (
        ({"ORDERLY_GATEWAY_PORT": ""}, "set ORDERLY_GATEWAY_PORT in the environment"),
        ({"ORDERLY_GATEWAY_SECRET": "short"}, "at least 24 characters"),
        ({"ORDERLY_GATEWAY_PORT": "many"}, "invalid literal"),
        ({"ORDERLY_GATEWAY_PORT": "{taken}"}, "in use"),
    )

    def request(self, **changes: Any) -> dict[str, Any]:
        return order(**changes)

    def test_a_capture_is_not_voided_by_its_address(self, sandbox: RunningSandbox) -> None:
        assert self.call(sandbox, "POST", "/captures/x/void", "k", body={})[0] == 404
