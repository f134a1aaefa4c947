"""Every way in which a call can fail, against a server that misbehaves on purpose: what we then say is known."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from orchestration import OutcomeUnknown, StepError, StepRejected, StepRetryable
from payments.gateway import Gateway, gateway

Behaviour = Callable[[socket.socket], None]


def answer(status: str, body: str, *headers: str) -> Behaviour:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", body]
    return lambda caller: caller.sendall("\r\n".join(lines).encode())


def say_nothing(caller: socket.socket) -> None:
    caller.recv(1)  # returns when the caller has given up


def hang_up(caller: socket.socket) -> None:
    """Ends without a word."""


def drip(caller: socket.socket) -> None:
    caller.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(100):
        caller.sendall(b" ")
        time.sleep(0.05)  # a piece often enough that no wait for the next one is too long


def cut_off(caller: socket.socket) -> None:
    caller.sendall(b'HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{"id": "au')


def flood(caller: socket.socket) -> None:
    caller.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 9000000\r\n\r\n")
    caller.sendall(b"x" * 9_000_000)


@contextmanager
def server_that(behaves: Behaviour) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    caller, _ = listener.accept()
                except OSError:
                    return
                with caller:
                    try:
                        caller.recv(65536)
                        behaves(caller)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=10)


def pointed_at(settings: Any, port: int) -> Gateway:
    settings.PAYMENTS_GATEWAY = "payments.gateway_http.HttpGateway"
    settings.PAYMENTS_GATEWAY_URL = f"http://127.0.0.1:{port}"
    settings.PAYMENTS_GATEWAY_SECRET = "not-a-real-one"
    settings.PAYMENTS_GATEWAY_TIMEOUT = 0.4
    return gateway()


def error_of(gateway: Gateway) -> StepError:
    with pytest.raises(StepError) as raised:
        gateway.authorize(key="k", order_id="o", amount_minor=1, currency="USD", card="card_ok")
    return raised.value


def refusal(code: str) -> str:
    return f'{{"error": {{"code": "{code}", "message": "no"}}}}'


def test_nobody_listening_means_that_nothing_happened(settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = error_of(pointed_at(settings, port))
    assert isinstance(error, StepRetryable)
    assert error.code == "unreachable"


@pytest.mark.parametrize("behaves", [say_nothing, hang_up, drip, cut_off, flood], ids=lambda it: it.__name__)
def test_sent_without_a_whole_answer_means_that_nobody_knows(settings: Any, behaves: Behaviour) -> None:
    with server_that(behaves) as port:
        started = time.monotonic()
        error = error_of(pointed_at(settings, port))
        assert isinstance(error, OutcomeUnknown)
        assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("status", "body", "expected", "code"),
    [
        ("402 Payment Required", refusal("card_declined"), StepRejected, "card_declined"),
        ("404 Not Found", refusal("not_found"), StepRejected, "not_found"),
        ("409 Conflict", refusal("already_captured"), StepRejected, "already_captured"),
        ("422 Unprocessable", refusal("refund_refused"), StepRejected, "refund_refused"),
        ("400 Bad Request", "", StepRejected, "gateway_400"),
        ("422 Unprocessable", refusal("idempotency_key_reused"), OutcomeUnknown, "idempotency_key_reused"),
        ("401 Unauthorized", refusal("unauthorized"), StepRetryable, "gateway_key_refused"),
        ("403 Forbidden", "", StepRetryable, "gateway_key_refused"),
        ("408 Timeout", "", StepRetryable, "gateway_busy"),
        ("429 Too Many", "", StepRetryable, "gateway_busy"),
        ("500 Error", "", OutcomeUnknown, "gateway_500"),
        ("502 Bad Gateway", "<html>", OutcomeUnknown, "gateway_502"),
        ("503 Unavailable", refusal("unavailable"), OutcomeUnknown, "unavailable"),
        ("302 Found", "", OutcomeUnknown, "gateway_302"),
        ("200 OK", "<html>", OutcomeUnknown, "gateway_answer"),
        ("200 OK", "[1]", OutcomeUnknown, "gateway_answer"),
        ("200 OK", '{"id": 7}', OutcomeUnknown, "gateway_answer"),
        ("200 OK", "[" * 50_000, OutcomeUnknown, "gateway_answer"),
    ],
)
def test_each_status_says_what_is_known(
    settings: Any, status: str, body: str, expected: type[StepError], code: str
) -> None:
    with server_that(answer(status, body)) as port:
        error = error_of(pointed_at(settings, port))
    assert (type(error), error.code) == (expected, code)


def test_a_busy_gateway_says_when_to_come_back(settings: Any) -> None:
    with server_that(answer("429 Too Many", "", "Retry-After: 7")) as port:
        error = error_of(pointed_at(settings, port))
    assert isinstance(error, StepRetryable)
    assert error.retry_after == 7.0


@pytest.mark.parametrize("behaves", [say_nothing, hang_up, answer("500 Error", "")])
def test_a_question_without_an_answer_may_be_asked_again(settings: Any, behaves: Behaviour) -> None:
    with server_that(behaves) as port:
        asked = pointed_at(settings, port)
        for ask in (asked.find, asked.refuse, asked.authorization_state):
            with pytest.raises(StepRetryable):
                ask("k")


def test_a_redirect_never_gets_our_key(settings: Any) -> None:
    followed: list[bytes] = []
    with (
        server_that(lambda caller: followed.append(b"called")) as elsewhere,
        server_that(answer("307 Moved", "", f"Location: http://127.0.0.1:{elsewhere}/")) as port,
    ):
        assert isinstance(error_of(pointed_at(settings, port)), OutcomeUnknown)
    assert followed == []
