"""A sandbox's HTTP face: who may call, how much they may send, how long an answer may hang. Loopback only."""

from __future__ import annotations

import hmac
import json
import sqlite3
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from orchestration.providers.sandbox.answers import Answer
from orchestration.providers.sandbox.rules import Call, Sandbox

MAX_BODY_BYTES = 64 * 1024
"""No honest request comes near it."""


class SandboxServer(ThreadingHTTPServer):
    """Serves one sandbox. `hang_seconds` is how long an answer that hangs is held back before it is given after all."""

    daemon_threads = True
    # Threads that hang on purpose must not hold up the end of the process.
    block_on_close = False
    # Hundreds of callers at once must be queued by the kernel, not refused.
    request_queue_size = 256

    def __init__(self, port: int, sandbox: Sandbox[Any], *, api_key: str, hang_seconds: float) -> None:
        self.sandbox = sandbox
        self.api_key = api_key
        self.hang_seconds = hang_seconds
        self.stopping = threading.Event()
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of callers that hang up: those whose time is out always do."""


class _Handler(BaseHTTPRequestHandler):
    server: SandboxServer
    protocol_version = "HTTP/1.1"
    # Without this, header and body of a small answer wait 40 ms for each other.
    disable_nagle_algorithm = True
    # A connection that says nothing for so long is closed.
    timeout = 60

    def log_error(self, format: str, *args: object) -> None:
        if not format.startswith("Request timed out"):  # an idle connection that is closed is no error
            super().log_error(format, *args)

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self._body()
        if body is None:
            self._refuse(413, "too_large", "At most 64 KiB, with a length.")
            self.close_connection = True
            return
        if self.path == "/health":
            self._send(Answer(200, {"status": "ok"}))
            return
        given = self.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {self.server.api_key}".encode()):
            self._refuse(401, "unauthorized", "A valid API key is required.")
            return
        try:
            call = Call(self.command, self.path, self.headers.get("Idempotency-Key"), body)
            answer = self.server.sandbox.answer(call)
        except sqlite3.Error:
            self._refuse(500, "ledger", "The ledger could not be written.")
            return
        if answer.delay:
            self.server.stopping.wait(min(answer.delay, self.server.hang_seconds))
        self._send(answer)

    def _body(self) -> bytes | None:
        """The whole body, or None when it is too large or of unknown length."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            return None
        return self.rfile.read(int(length))

    def _refuse(self, status: int, code: str, message: str) -> None:
        self._send(Answer(status, {"error": {"code": code, "message": message}}))

    def _send(self, answer: Answer) -> None:
        body = json.dumps(answer.body).encode()
        head = (
            f"HTTP/1.1 {answer.status} {self.responses.get(answer.status, ('',))[0]}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.wfile.write(head.encode() + body)
