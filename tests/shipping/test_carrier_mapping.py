"""What each answer of the carrier says is known of the label, and every way in which it can give none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from orchestration import OutcomeUnknown, StepRejected, StepRetryable
from orchestration.providers.conformance import HttpConformance
from shipping.contracts import Address
from shipping.labels import Carrier, Label, carrier
from shipping.standard_webhooks import api_key

REIMS = Address(name="Paul", line1="59 rue de l'Abbaye", city="Reims", country="France")
SIGNING_SECRET = "s" * 32


def refusal(code: str) -> bytes:
    return f'{{"error": {{"code": "{code}", "message": "no"}}}}'.encode()


class TestCarrierOverHttp(HttpConformance):
    secret = api_key(SIGNING_SECRET.encode())
    answers = (
        ("422 Unprocessable", refusal("undeliverable"), StepRejected, "undeliverable"),
        ("409 Conflict", refusal("key_cancelled"), StepRejected, "key_cancelled"),
        ("400 Bad Request", b"", StepRejected, "carrier_400"),
        ("422 Unprocessable", refusal("idempotency_key_reused"), OutcomeUnknown, "idempotency_key_reused"),
        ("401 Unauthorized", refusal("unauthorized"), StepRetryable, "carrier_key_refused"),
        ("403 Forbidden", b"", StepRetryable, "carrier_key_refused"),
        ("408 Timeout", b"", StepRetryable, "carrier_busy"),
        ("429 Too Many", b"", StepRetryable, "carrier_busy"),
        ("302 Found", b"", OutcomeUnknown, "carrier_302"),
        ("500 Error", b"", OutcomeUnknown, "carrier_500"),
        ("503 Unavailable", refusal("unavailable"), OutcomeUnknown, "unavailable"),
        ("201 Created", b'{"id": "l", "tracking": 5, "service": "s"}', OutcomeUnknown, "carrier_answer"),
    )

    @pytest.fixture
    def client_at(self, settings: Any) -> Callable[[str], Carrier]:
        def point(url: str) -> Carrier:
            settings.SHIPPING_CARRIER = "shipping.carrier_http.HttpCarrier"
            settings.SHIPPING_CARRIER_URL = url
            settings.SHIPPING_CARRIER_SECRET = SIGNING_SECRET
            settings.SHIPPING_CARRIER_TIMEOUT = 0.5
            return carrier()

        return point

    def act(self, client: Carrier) -> Label:
        return client.create_label(key="k", order_id="o", reference="r", ship_to=REIMS, service=None)
