"""Every way in which a call over HTTP can fail, and what a client must then say is known."""

from __future__ import annotations

import http.server
import logging
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest

from orchestration.errors import OutcomeUnknown, StepError, StepRetryable
from orchestration.providers.conformance.misbehaving import (
    WITHOUT_AN_ANSWER,
    Behaviour,
    answer,
    hang_up,
    nobody,
    server_that,
)

ODD_BODIES = (
    b"",
    b"<html>",
    b"[1]",
    b"null",
    b'"text"',
    b'{"id": 7}',
    b"[" * 50_000,
    b"\xff\xfe\x00",
    b'{"id": "\\u0000"}',
    b'{"id": "\\ud800"}',
)
"""Bodies that are no promised answer."""

Row = tuple[str, bytes, type[StepError], str]
"""A status line, a body, and the error and its code that they mean."""


class HttpConformance:
    """Subclass it as `Test…`, with a fixture `client_at`, `act`, and the table of the provider's answers."""

    answers: ClassVar[Sequence[Row]]
    """What each answer means."""
    secret: ClassVar[str]
    """The secret of the clients that `client_at` makes."""
    most_seconds: ClassVar[float] = 3.0
    """No call may take longer; far above the timeout of those clients."""

    @pytest.fixture
    def client_at(self) -> Callable[[str], Any]:
        """Makes a client of the provider at an address, with a timeout of half a second; overridden by the author."""
        raise NotImplementedError

    def act(self, client: Any) -> Any:
        """Make a call that has an effect."""
        raise NotImplementedError

    def questions(self, client: Any) -> Sequence[Callable[[], Any]]:
        """Return the calls that have none."""
        return (lambda: client.find("k"), lambda: client.refuse("k"))

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run a test for each answer that the author states."""
        if "row" in metafunc.fixturenames:
            metafunc.parametrize("row", self.answers, ids=lambda row: f"{row[0]}-{row[3]}")

    def test_nobody_listening_means_that_nothing_happened(self, client_at: Callable[[str], Any]) -> None:
        assert isinstance(self._error(client_at(nobody())), StepRetryable)

    @pytest.mark.parametrize("address", ["ftp://provider.example", "http://127.0.0.1:99999", "http://[::1"])
    def test_an_address_that_is_none_means_that_nothing_happened(
        self, client_at: Callable[[str], Any], address: str
    ) -> None:
        assert isinstance(self._error(client_at(address)), StepRetryable)

    @pytest.mark.parametrize("behaves", WITHOUT_AN_ANSWER, ids=lambda it: it.__name__)
    def test_sent_without_a_whole_answer_means_that_nobody_knows(
        self, client_at: Callable[[str], Any], behaves: Behaviour
    ) -> None:
        with server_that(behaves) as url:
            client, started = client_at(url), time.monotonic()
            error = self._error(client)
        assert isinstance(error, OutcomeUnknown)
        assert time.monotonic() - started < self.most_seconds

    def test_each_answer_says_what_is_known(self, client_at: Callable[[str], Any], row: Row) -> None:
        status, body, expected, code = row
        with server_that(answer(status, body)) as url:
            error = self._error(client_at(url))
        assert (type(error), error.code) == (expected, code)

    @pytest.mark.parametrize("status", ["302 Found", "500 Error", "502 Bad Gateway", "599 Odd"])
    def test_an_answer_that_says_nothing_of_the_effect_leaves_it_unknown(
        self, client_at: Callable[[str], Any], status: str
    ) -> None:
        with server_that(answer(status, b"<html>")) as url:
            assert isinstance(self._error(client_at(url)), OutcomeUnknown)

    @pytest.mark.parametrize("body", ODD_BODIES, ids=lambda body: repr(body[:12]))
    def test_a_success_that_cannot_be_read_leaves_the_outcome_unknown(
        self, client_at: Callable[[str], Any], body: bytes
    ) -> None:
        with server_that(answer("200 OK", body)) as url:
            assert isinstance(self._error(client_at(url)), OutcomeUnknown)

    @pytest.mark.parametrize(
        ("given", "seconds"), [("7", 7.0), ("99999", 3600.0), ("soon", None), ("²", None)]
    )
    def test_a_busy_provider_says_when_to_come_back(
        self, client_at: Callable[[str], Any], given: str, seconds: float | None
    ) -> None:
        with server_that(answer("429 Too Many", b"", f"Retry-After: {given}")) as url:
            error = self._error(client_at(url))
        assert isinstance(error, StepRetryable)
        assert error.retry_after == seconds

    @pytest.mark.parametrize(
        "behaves",
        [*WITHOUT_AN_ANSWER, answer("500 Error"), *(answer("200 OK", body) for body in ODD_BODIES)],
        ids=lambda it: it.__name__,
    )
    def test_a_question_without_an_answer_may_be_asked_again(
        self, client_at: Callable[[str], Any], behaves: Behaviour
    ) -> None:
        with server_that(behaves) as url:
            for ask in self.questions(client_at(url)):
                with pytest.raises(StepRetryable):
                    ask()

    def test_a_redirect_never_gets_our_secret(self, client_at: Callable[[str], Any]) -> None:
        followed: list[bytes] = []
        with (
            server_that(lambda caller: followed.append(b"called")) as elsewhere,
            server_that(answer("307 Moved", b"", f"Location: {elsewhere}/")) as url,
        ):
            assert isinstance(self._error(client_at(url)), OutcomeUnknown)
        assert followed == []

    def test_our_secret_is_in_no_error_and_in_no_log(
        self, client_at: Callable[[str], Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.DEBUG):
            for behaves in (hang_up, answer("401 Unauthorized"), answer("500 Error")):
                with server_that(behaves) as url:
                    error: BaseException | None = self._error(client_at(url))
                while error is not None:
                    assert self.secret not in f"{error!r} {error} {vars(error)}"
                    error = error.__cause__
        assert self.secret not in "".join(record.getMessage() for record in caplog.records)

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
    def test_a_forked_process_uses_no_connection_of_its_parent(self, client_at: Callable[[str], Any]) -> None:
        with _recording_server() as (url, callers):
            client = client_at(url)
            self._error(client)
            self._error(client)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # the child calls nothing but the client
                child = os.fork()
            if child == 0:
                try:
                    self._error(client)
                finally:
                    os._exit(0)
            os.waitpid(child, 0)
            self._error(client)
        first, again, of_the_child, later = callers
        assert first == again == later, "connections are kept open"
        assert of_the_child != first

    def _error(self, client: Any) -> StepError:
        with pytest.raises(StepError) as raised:
            self.act(client)
        return raised.value


@contextmanager
def _recording_server() -> Iterator[tuple[str, list[Any]]]:
    """Answers 500 to everything, keeps connections open, and notes where each request came from."""
    callers: list[Any] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            callers.append(self.client_address)
            self.send_response(500)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", callers
    finally:
        server.shutdown()
        server.server_close()
