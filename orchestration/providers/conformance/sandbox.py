"""A sandbox as a process: who may call, what it survives, what its ledger keeps."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit
from uuid import uuid4

import pytest

from orchestration.providers.conformance.process import RunningSandbox, environment_of, running_sandbox

Answer = tuple[int, bytes]


class SandboxConformance:
    """Subclass it as `Test…` and state how the sandbox is started and called."""

    module: ClassVar[str]
    """Run with `python -m`."""
    variables: ClassVar[str]
    """How the names of its variables begin."""
    environment: ClassVar[Mapping[str, str]] = {}
    """More variables that it needs."""
    acts_at: ClassVar[str]
    """The path of a POST that has an effect."""
    hanging: ClassVar[Mapping[str, Any]]
    """What makes its answer hang."""
    bad_requests: ClassVar[Sequence[Any]]
    """Bodies that are refused with 400."""
    cannot_start: ClassVar[Sequence[tuple[Mapping[str, str], str]]] = ()
    """Variables with which it cannot start, and what it then says; `{taken}` is a port that is in use."""

    def request(self, **changes: Any) -> dict[str, Any]:
        """Return the body of a call that has an effect; a new one each time."""
        raise NotImplementedError

    def api_key(self, secret: str) -> str:
        """Return the key that callers send."""
        return secret

    @classmethod
    def start(cls, ledger: Path, **environment: str) -> AbstractContextManager[RunningSandbox]:
        """Run it."""
        return running_sandbox(cls.module, cls.variables, ledger, {**cls.environment, **environment})

    @pytest.fixture(scope="class")
    @classmethod
    def sandbox(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
        """One that runs."""
        with cls.start(tmp_path_factory.mktemp("sandbox") / "ledger.sqlite3") as running:
            yield running

    def call(
        self, sandbox: RunningSandbox, method: str, path: str, key: str | None = None, **more: Any
    ) -> Answer:
        """Make one call: `body` is any JSON, `content` bytes, `given` the Authorization header."""
        given = more.get("given", f"Bearer {self.api_key(sandbox.secret)}")
        headers = {"Authorization": given, **more.get("headers", {})}
        if key is not None:
            headers["Idempotency-Key"] = key
        content = more.get("content", json.dumps(more["body"]).encode() if "body" in more else None)
        connection = http.client.HTTPConnection(
            urlsplit(sandbox.url).netloc, timeout=more.get("timeout", 5.0)
        )
        with closing(connection):
            connection.request(method, path, content, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def act(self, sandbox: RunningSandbox, key: str | None, **more: Any) -> Answer:
        """Call the address that acts."""
        return self.call(sandbox, "POST", self.acts_at, key, **more)

    def found(self, sandbox: RunningSandbox, key: str, **more: Any) -> Answer:
        """Ask what was done under a key."""
        return self.call(sandbox, "GET", f"/by-key/{quote(key, safe='')}", **more)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run a test for each of what the author states."""
        cases = {"bad": self.bad_requests, "variables_and_words": self.cannot_start}
        for name, stated in cases.items():
            if name in metafunc.fixturenames:
                metafunc.parametrize(name, stated)

    def test_only_who_has_the_key_is_answered(self, sandbox: RunningSandbox) -> None:
        for given in ("", "Bearer wrong", self.api_key(sandbox.secret)):
            for method, path in (("GET", "/ledger"), ("POST", self.acts_at), ("GET", "/by-key/k")):
                assert self.call(sandbox, method, path, given=given)[0] == 401
        assert self.call(sandbox, "GET", "/health", given="") == (200, b'{"status": "ok"}')

    def test_sixteen_calls_at_once_under_one_key_act_once(self, sandbox: RunningSandbox) -> None:
        key, body = str(uuid4()), self.request()
        with ThreadPoolExecutor(16) as threads:
            answers = list(threads.map(lambda _: self.act(sandbox, key, body=body), range(16)))
        assert {status for status, _ in answers} == {201}
        assert len({text for _, text in answers}) == 1
        calls = "SELECT count(*), sum(made_effect) FROM calls WHERE idempotency_key = ?"
        assert rows(sandbox.ledger, calls, key) == [(16, 1)]

    def test_bad_requests_are_refused_and_do_nothing(self, sandbox: RunningSandbox, bad: Any) -> None:
        key = str(uuid4())
        assert self.act(sandbox, key, body=bad)[0] == 400
        assert self.found(sandbox, key)[0] == 404
        # The key is not used up by it.
        assert self.act(sandbox, key, body=self.request())[0] == 201

    def test_what_is_not_json_or_has_no_key_or_no_end_is_refused(self, sandbox: RunningSandbox) -> None:
        for content in (b"{", b"[" * 60_000):
            assert self.act(sandbox, "k", content=content)[0] == 400
        for key in (None, "k" * 256):
            assert self.act(sandbox, key, body=self.request())[0] == 400
        # Headers alone: a body that nobody reads would have the answer lost with the connection.
        for stated in (
            {"Content-Length": "70000"},
            {"Transfer-Encoding": "chunked"},
            {"Content-Length": "-1"},
        ):
            assert self.act(sandbox, "k", headers=stated)[0] == 413
        assert self.call(sandbox, "GET", "/nowhere")[0] == 404

    def test_it_listens_on_loopback_only(self, sandbox: RunningSandbox) -> None:
        addresses = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
        for address in addresses - {"127.0.0.1", "127.0.1.1"}:
            with pytest.raises(OSError, match=r"refused|unreachable|timed out"):
                socket.create_connection((str(address), urlsplit(sandbox.url).port or 0), timeout=1)

    def test_the_ledger_is_append_only(self, tmp_path: Path) -> None:
        with self.start(tmp_path / "ledger.sqlite3") as running:
            self.act(running, "k", body=self.request())
            self.call(running, "POST", "/by-key/other/cancel")
        with closing(sqlite3.connect(tmp_path / "ledger.sqlite3")) as ledger:
            guarded = ledger.execute(
                "SELECT DISTINCT tbl_name FROM sqlite_master WHERE type = 'trigger'"
            ).fetchall()
            assert {"calls", "answers", "refused_keys"} < {table for (table,) in guarded}
            for (table,) in guarded:
                assert rows(tmp_path / "ledger.sqlite3", f"SELECT count(*) FROM {table}") != [(0,)]
                for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET at = 0"):
                    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                        ledger.execute(statement)

    def test_what_was_answered_survives_a_kill(self, tmp_path: Path) -> None:
        ledger, body = tmp_path / "ledger.sqlite3", self.request()
        with self.start(ledger) as first:
            answer = self.act(first, "k", body=body)
            first.process.kill()
            first.process.wait()
        with self.start(ledger) as second:
            assert self.found(second, "k") == (200, answer[1])
            assert self.act(second, "k", body=body) == answer
            assert rows(ledger, "SELECT sum(made_effect) FROM calls") == [(1,)]

    def test_a_frozen_one_answers_when_it_goes_on(self, tmp_path: Path) -> None:
        with self.start(tmp_path / "ledger.sqlite3") as running:
            running.freeze()
            with pytest.raises(TimeoutError):
                self.found(running, "k", timeout=0.3)
            running.thaw()
            assert self.found(running, "k")[0] == 404

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_it_ends_at_once_also_while_an_answer_hangs(self, tmp_path: Path, number: signal.Signals) -> None:
        hang = {f"{self.variables}_HANG_SECONDS": "60"}
        with self.start(tmp_path / "ledger.sqlite3", **hang) as running:
            with pytest.raises(TimeoutError):
                self.act(running, "k", body=self.request(**self.hanging), timeout=0.3)
            started = time.monotonic()
            running.process.send_signal(number)
            assert running.process.wait(timeout=10) == 0
            assert time.monotonic() - started < 3

    def test_it_says_why_it_cannot_start(
        self, tmp_path: Path, variables_and_words: tuple[Mapping[str, str], str]
    ) -> None:
        changes, words = variables_and_words
        with socket.create_server(("127.0.0.1", 0)) as listener:
            taken = str(listener.getsockname()[1])
            stated = {name: value.format(taken=taken) for name, value in changes.items()}
            environment = environment_of(
                self.variables, tmp_path / "ledger.sqlite3", {**self.environment, **stated}
            )
            ended = subprocess.run(
                [sys.executable, "-m", self.module],
                env=environment,
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
        assert (ended.returncode, "Traceback" in ended.stderr) == (2, False)
        assert words in ended.stderr


def rows(ledger: Path, sql: str, *values: Any) -> list[Any]:
    """Return what a query finds in a ledger file."""
    with closing(sqlite3.connect(f"{ledger.as_uri()}?mode=ro", uri=True)) as opened:
        return opened.execute(sql, values).fetchall()
