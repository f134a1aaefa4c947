"""The sandbox gateway as a process: who may call, what it survives, what its ledger keeps."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

PROJECT = Path(__file__).resolve().parents[2]

Start = Callable[..., AbstractContextManager[Any]]


def call(sandbox: Any, method: str, path: str, key: str | None = None, **more: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {sandbox.secret}", **({"Idempotency-Key": key} if key else {})}
    return httpx.request(method, sandbox.url + path, headers=headers, timeout=5, trust_env=False, **more)


def order(**changes: Any) -> dict[str, Any]:
    return {"order_id": str(uuid4()), "amount_minor": 500, "currency": "USD", "card": "card_ok", **changes}


def rows(ledger: Path, sql: str, *values: Any) -> list[Any]:
    with closing(sqlite3.connect(f"{ledger.as_uri()}?mode=ro", uri=True)) as opened:
        return opened.execute(sql, values).fetchall()


def test_only_who_has_the_key_is_answered(sandbox: Any) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": sandbox.secret}):
        for method, path in (("GET", "/ledger"), ("POST", "/authorizations"), ("GET", "/by-key/k")):
            answer = httpx.request(method, sandbox.url + path, headers=headers, trust_env=False)
            assert answer.status_code == 401
    assert httpx.get(f"{sandbox.url}/health", trust_env=False).json() == {"status": "ok"}


def test_sixteen_calls_at_once_under_one_key_hold_the_money_once(sandbox: Any) -> None:
    key, body = str(uuid4()), order()
    with ThreadPoolExecutor(16) as threads:
        answers = list(
            threads.map(lambda _: call(sandbox, "POST", "/authorizations", key, json=body), range(16))
        )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert rows(sandbox.ledger, "SELECT count(*) FROM effects WHERE idempotency_key = ?", key) == [(1,)]
    calls = "SELECT count(*), sum(made_effect) FROM calls WHERE idempotency_key = ?"
    assert rows(sandbox.ledger, calls, key) == [(16, 1)]


@pytest.mark.parametrize(
    "body",
    [
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
    ],
)
def test_bad_requests_are_refused_and_do_nothing(sandbox: Any, body: Any) -> None:
    key = str(uuid4())
    assert call(sandbox, "POST", "/authorizations", key, json=body).status_code == 400
    assert call(sandbox, "GET", f"/by-key/{key}").status_code == 404


def test_a_bad_request_does_not_use_up_its_key(sandbox: Any) -> None:
    key = str(uuid4())
    assert call(sandbox, "POST", "/authorizations", key, json=order(amount_minor=0)).status_code == 400
    assert call(sandbox, "POST", "/authorizations", key, json=order()).status_code == 201


def test_what_is_not_json_or_has_no_key_or_no_end_is_refused(sandbox: Any) -> None:
    assert call(sandbox, "POST", "/authorizations", "k", content=b"{").status_code == 400
    assert call(sandbox, "POST", "/authorizations", "k", content=b"[" * 60_000).status_code == 400
    assert call(sandbox, "POST", "/authorizations", json=order()).status_code == 400
    assert call(sandbox, "POST", "/authorizations", "k" * 256, json=order()).status_code == 400
    assert call(sandbox, "POST", "/authorizations", "k", content=b" " * 70_000).status_code == 413
    assert call(sandbox, "POST", "/authorizations", "k", content=iter([b"{}"])).status_code == 413
    assert call(sandbox, "GET", "/nowhere").status_code == 404
    assert call(sandbox, "POST", "/captures/x/void", "k", json={}).status_code == 404


def test_it_listens_on_loopback_only(sandbox: Any) -> None:
    port = int(sandbox.url.rpartition(":")[2])
    addresses = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for address in addresses - {"127.0.0.1", "127.0.1.1"}:
        with pytest.raises(OSError, match=r"refused|unreachable|timed out"):
            socket.create_connection((str(address), port), timeout=1)


def test_the_ledger_is_append_only(start_sandbox: Start, tmp_path: Path) -> None:
    with start_sandbox(tmp_path / "ledger.sqlite3") as running:
        call(running, "POST", "/authorizations", "k", json=order())
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite3")) as ledger:
        for statement in (
            "DELETE FROM calls",
            "DELETE FROM effects",
            "DELETE FROM answers",
            "UPDATE calls SET at = 0",
            "UPDATE effects SET at = 0",
            "UPDATE answers SET at = 0",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                ledger.execute(statement)


def test_what_was_answered_survives_a_kill(start_sandbox: Start, tmp_path: Path) -> None:
    ledger, body = tmp_path / "ledger.sqlite3", order()
    with start_sandbox(ledger) as first:
        answer = call(first, "POST", "/authorizations", "k", json=body)
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
    with start_sandbox(ledger) as second:
        assert call(second, "GET", "/by-key/k").json() == answer.json()
        assert call(second, "POST", "/authorizations", "k", json=body).text == answer.text
        assert call(second, "GET", "/ledger").json()["effects"]["authorization"] == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_also_while_an_answer_hangs(
    start_sandbox: Start, tmp_path: Path, number: signal.Signals
) -> None:
    with start_sandbox(tmp_path / "ledger.sqlite3", ORDERLY_GATEWAY_HANG_SECONDS="60") as running:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(
                f"{running.url}/authorizations",
                headers={"Authorization": f"Bearer {running.secret}", "Idempotency-Key": "k"},
                json=order(card="card_charge_then_timeout"),
                timeout=0.3,
                trust_env=False,
            )
        started = time.monotonic()
        running.process.send_signal(number)
        assert running.process.wait(timeout=10) == 0
        assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ORDERLY_GATEWAY_PORT": ""}, "set ORDERLY_GATEWAY_PORT in the environment"),
        ({"ORDERLY_GATEWAY_SECRET": "short"}, "at least 24 characters"),
        ({"ORDERLY_GATEWAY_PORT": "many"}, "invalid literal"),
        ({"ORDERLY_GATEWAY_PORT": "{taken}"}, "in use"),
    ],
)
def test_it_says_why_it_cannot_start(tmp_path: Path, changes: dict[str, str], words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        environment = {
            "PATH": os.environ["PATH"],
            "ORDERLY_GATEWAY_PORT": "0",
            "ORDERLY_GATEWAY_LEDGER": str(tmp_path / "ledger.sqlite3"),
            "ORDERLY_GATEWAY_SECRET": "x" * 24,
            **{name: value.format(taken=taken) for name, value in changes.items()},
        }
        ended = subprocess.run(
            [sys.executable, "-m", "payments.sandbox"],
            cwd=PROJECT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    assert ended.returncode == 2
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
