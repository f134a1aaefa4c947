"""Every answer a carrier can give, and every way in which it can give none: what we then say is known of the label."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from orchestration import OutcomeUnknown, StepError, StepRejected, StepRetryable
from shipping.carrier_answers import Reply, raise_for
from shipping.contracts import Address
from shipping.labels import Carrier, carrier

REIMS = Address(name="Paul", line1="59 rue de l'Abbaye", city="Reims", country="France")


def refusal(code: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": "no"}}


@pytest.mark.parametrize(
    ("reply", "expected", "code"),
    [
        (Reply(422, refusal("undeliverable")), StepRejected, "undeliverable"),
        (Reply(409, refusal("key_cancelled")), StepRejected, "key_cancelled"),
        (Reply(400, None), StepRejected, "carrier_400"),
        (Reply(422, refusal("idempotency_key_reused")), OutcomeUnknown, "idempotency_key_reused"),
        (Reply(401, refusal("unauthorized")), StepRetryable, "carrier_key_refused"),
        (Reply(403, None), StepRetryable, "carrier_key_refused"),
        (Reply(408, None), StepRetryable, "carrier_busy"),
        (Reply(429, None, 7.0), StepRetryable, "carrier_busy"),
        (Reply(302, None), OutcomeUnknown, "carrier_302"),
        (Reply(500, None), OutcomeUnknown, "carrier_500"),
        (Reply(503, refusal("unavailable")), OutcomeUnknown, "unavailable"),
    ],
)
def test_each_status_says_what_is_known(reply: Reply, expected: type[StepError], code: str) -> None:
    with pytest.raises(StepError) as raised:
        raise_for(reply)
    assert (type(raised.value), raised.value.code) == (expected, code)


def test_a_success_is_no_error() -> None:
    raise_for(Reply(201, {}))


Serve = Callable[[Callable[[http.server.BaseHTTPRequestHandler], None]], Carrier]


@pytest.fixture
def carrier_that(settings: Any) -> Iterator[Serve]:
    """A carrier that answers each call as a function says."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def serve(behaves: Callable[[http.server.BaseHTTPRequestHandler], None]) -> Carrier:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                behaves(self)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", "0")))
                behaves(self)

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return pointed_at(settings, server.server_address[1])

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def pointed_at(settings: Any, port: int) -> Carrier:
    settings.SHIPPING_CARRIER = "shipping.carrier_http.HttpCarrier"
    settings.SHIPPING_CARRIER_URL = f"http://127.0.0.1:{port}"
    settings.SHIPPING_CARRIER_SECRET = "s" * 32
    settings.SHIPPING_CARRIER_TIMEOUT = 0.4
    return carrier()


def error_of(asked: Carrier) -> StepError:
    with pytest.raises(StepError) as raised:
        asked.create_label(key="k", order_id="o", reference="r", ship_to=REIMS, service=None)
    return raised.value


def answer(status: int, body: bytes) -> Callable[[http.server.BaseHTTPRequestHandler], None]:
    def behave(call: http.server.BaseHTTPRequestHandler) -> None:
        call.send_response(status)
        call.send_header("Content-Length", str(len(body)))
        call.end_headers()
        call.wfile.write(body)

    return behave


def test_nobody_listening_means_that_nothing_happened(settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = error_of(pointed_at(settings, port))
    assert isinstance(error, StepRetryable)
    assert error.code == "unreachable"


def test_silence_means_that_nobody_knows_and_a_question_may_be_repeated(carrier_that: Serve) -> None:
    over = threading.Event()
    asked = carrier_that(lambda _: _rest(over))
    try:
        assert isinstance(error_of(asked), OutcomeUnknown)
        for ask in (asked.find, asked.refuse):
            with pytest.raises(StepRetryable):
                ask("k")
    finally:
        over.set()


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", json.dumps({"id": "l", "tracking": 5, "service": "s"}).encode()]
)
def test_an_answer_that_cannot_be_read_leaves_the_outcome_unknown(carrier_that: Serve, body: bytes) -> None:
    error = error_of(carrier_that(answer(201, body)))
    assert isinstance(error, OutcomeUnknown)
    assert error.code == "carrier_answer"


def _rest(over: threading.Event) -> None:
    over.wait(5)
