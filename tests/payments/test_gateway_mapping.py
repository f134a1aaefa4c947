"""What each answer of the gateway says is known of the money, and every way in which it can give none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from orchestration import OutcomeUnknown, StepRejected, StepRetryable
from orchestration.providers.conformance import HttpConformance
from payments.gateway import Effect, Gateway, gateway


def refusal(code: str) -> bytes:
    return f'{{"error": {{"code": "{code}", "message": "no"}}}}'.encode()


class TestGatewayOverHttp(HttpConformance):
    secret = "not-a-real-one"
    answers = (
        ("402 Payment Required", refusal("card_declined"), StepRejected, "card_declined"),
        ("404 Not Found", refusal("not_found"), StepRejected, "not_found"),
        ("409 Conflict", refusal("already_captured"), StepRejected, "already_captured"),
        ("422 Unprocessable", refusal("refund_refused"), StepRejected, "refund_refused"),
        ("400 Bad Request", b"", StepRejected, "gateway_400"),
        ("422 Unprocessable", refusal("idempotency_key_reused"), OutcomeUnknown, "idempotency_key_reused"),
        ("401 Unauthorized", refusal("unauthorized"), StepRetryable, "gateway_key_refused"),
        ("403 Forbidden", b"", StepRetryable, "gateway_key_refused"),
        ("408 Timeout", b"", StepRetryable, "gateway_busy"),
        ("429 Too Many", b"", StepRetryable, "gateway_busy"),
        ("500 Error", b"", OutcomeUnknown, "gateway_500"),
        ("503 Unavailable", refusal("unavailable"), OutcomeUnknown, "unavailable"),
        ("302 Found", b"", OutcomeUnknown, "gateway_302"),
        ("200 OK", b'{"id": 7}', OutcomeUnknown, "gateway_answer"),
    )

    @pytest.fixture
    def client_at(self, settings: Any) -> Callable[[str], Gateway]:
        def point(url: str) -> Gateway:
            settings.PAYMENTS_GATEWAY = "payments.gateway_http.HttpGateway"
            settings.PAYMENTS_GATEWAY_URL = url
            settings.PAYMENTS_GATEWAY_SECRET = self.secret
            settings.PAYMENTS_GATEWAY_TIMEOUT = 0.5
            return gateway()

        return point

    def act(self, client: Gateway) -> Effect:
        return client.authorize(key="k", order_id="o", amount_minor=1, currency="USD", card="card_ok")

    def questions(self, client: Gateway) -> Sequence[Callable[[], Any]]:
        return (*super().questions(client), lambda: client.authorization_state("k"))
