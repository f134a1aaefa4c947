"""The sandbox carrier as a process: its webhooks, what it survives, what its ledger keeps."""

from __future__ import annotations

import http.server
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from shipping.contracts import LabelCreated, StockLevel
from shipping.models import Reservation, Shipment
from shipping.standard_webhooks import api_key, verify
from shipping.stock import take_in
from tests.bootstrap.running_system import wait_until

PROJECT = Path(__file__).resolve().parents[2]

Start = Callable[..., AbstractContextManager[Any]]


class Shop:
    """Somebody who is told of parcels, and answers as the test says."""

    def __init__(self) -> None:
        self.heard: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        shop = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                shop.heard.append(({name.lower(): value for name, value in self.headers.items()}, body))
                status = shop.answers.pop(0) if shop.answers else 200
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def shop() -> Iterator[Shop]:
    made = Shop()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def call(carrier: Any, method: str, path: str, key: str | None = None, **more: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {api_key(carrier.secret.encode())}"}
    if key:
        headers["Idempotency-Key"] = key
    return httpx.request(method, carrier.url + path, headers=headers, timeout=5, trust_env=False, **more)


def parcel(**changes: Any) -> dict[str, Any]:
    return {"order_id": str(uuid4()), "ship_to": {"name": "Paul"}, "service": None, **changes}


def rows(ledger: Path, sql: str, *values: Any) -> list[Any]:
    with closing(sqlite3.connect(f"{ledger.as_uri()}?mode=ro", uri=True)) as opened:
        return opened.execute(sql, values).fetchall()


def told(ledger: Path) -> int:
    return int(rows(ledger, "SELECT count(*) FROM dispatches WHERE told_at IS NOT NULL")[0][0])


def test_the_shop_is_told_once_by_a_signed_webhook(start_carrier: Start, shop: Shop, tmp_path: Path) -> None:
    body, ledger = parcel(), tmp_path / "ledger.sqlite3"
    with start_carrier(ledger, ORDERLY_WEB_URL=shop.url, ORDERLY_CARRIER_SECONDS="0.1") as running:
        label = call(running, "POST", "/labels", "k", json=body).json()
        wait_until(lambda: told(ledger) == 1, "the shop is told", 15)
        assert call(running, "GET", "/ledger").json() == {"calls": 1, "labels": 1, "told": 1, "untold": 0}
        secret = running.secret.encode()
    ((headers, raw),) = shop.heard
    verify(
        secrets=(secret,),
        event_id=headers["webhook-id"],
        timestamp=headers["webhook-timestamp"],
        signatures=headers["webhook-signature"],
        body=raw,
        now=time.time(),
    )
    news = json.loads(raw)
    assert news.pop("at")
    assert news == {
        "id": headers["webhook-id"],
        "type": "dispatched",
        "label_id": label["id"],
        "order_id": body["order_id"],
    }


def test_it_tells_again_under_the_same_id_until_the_shop_has_heard(
    start_carrier: Start, shop: Shop, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger.sqlite3"
    shop.answers = [500, 404, 302]
    with start_carrier(ledger, ORDERLY_WEB_URL=shop.url, ORDERLY_CARRIER_SECONDS="0") as running:
        call(running, "POST", "/labels", "k", json=parcel())
        wait_until(lambda: told(ledger) == 1, "the shop is told", 15)
    assert len(shop.heard) == 4
    assert len({headers["webhook-id"] for headers, _ in shop.heard}) == 1
    assert len({raw for _, raw in shop.heard}) == 1


def test_a_killed_carrier_tells_after_its_restart(start_carrier: Start, shop: Shop, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.sqlite3"
    with start_carrier(ledger, ORDERLY_WEB_URL=shop.url, ORDERLY_CARRIER_SECONDS="0.5") as first:
        call(first, "POST", "/labels", "k", json=parcel())
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
    assert shop.heard == []
    with start_carrier(ledger, ORDERLY_WEB_URL=shop.url):
        wait_until(lambda: told(ledger) == 1, "the shop is told", 15)
    assert len(shop.heard) == 1


def test_sixteen_calls_at_once_under_one_key_make_one_label(carrier_process: Any) -> None:
    key, body = str(uuid4()), parcel()
    with ThreadPoolExecutor(16) as threads:
        answers = list(
            threads.map(lambda _: call(carrier_process, "POST", "/labels", key, json=body), range(16))
        )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    calls = "SELECT count(*), sum(made_effect) FROM calls WHERE idempotency_key = ?"
    assert rows(carrier_process.ledger, calls, key) == [(16, 1)]


def test_only_who_has_the_key_is_answered_and_the_signing_secret_is_not_it(carrier_process: Any) -> None:
    for given in ("", "Bearer wrong", f"Bearer {carrier_process.secret}"):
        answer = httpx.post(
            f"{carrier_process.url}/labels", headers={"Authorization": given}, json=parcel(), trust_env=False
        )
        assert answer.status_code == 401
    assert httpx.get(f"{carrier_process.url}/health", trust_env=False).json() == {"status": "ok"}


@pytest.mark.parametrize(
    "body",
    [
        parcel(order_id=""),
        parcel(order_id=5),
        parcel(ship_to="Paul"),
        parcel(ship_to={}),
        parcel(service=7),
        parcel(service="x" * 101),
        [],
        None,
    ],
)
def test_bad_requests_are_refused_and_make_nothing(carrier_process: Any, body: Any) -> None:
    key = str(uuid4())
    assert call(carrier_process, "POST", "/labels", key, json=body).status_code == 400
    assert call(carrier_process, "GET", f"/by-key/{key}").status_code == 404


def test_the_ledger_is_append_only(start_carrier: Start, tmp_path: Path) -> None:
    with start_carrier(tmp_path / "ledger.sqlite3") as running:
        call(running, "POST", "/labels", "k", json=parcel())
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite3")) as ledger:
        for statement in (
            "DELETE FROM calls",
            "DELETE FROM labels",
            "UPDATE calls SET at = 0",
            "UPDATE labels SET at = 0",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                ledger.execute(statement)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_also_while_the_shop_is_away(
    start_carrier: Start, tmp_path: Path, number: signal.Signals
) -> None:
    with start_carrier(tmp_path / "ledger.sqlite3", ORDERLY_CARRIER_SECONDS="0") as running:
        call(running, "POST", "/labels", "k", json=parcel())
        wait_until(
            lambda: rows(running.ledger, "SELECT attempts FROM dispatches")[0][0] > 0, "it was tried", 15
        )
        started = time.monotonic()
        running.process.send_signal(number)
        assert running.process.wait(timeout=10) == 0
        assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ORDERLY_CARRIER_PORT": ""}, "set ORDERLY_CARRIER_PORT in the environment"),
        ({"ORDERLY_CARRIER_SECRET": "short"}, "at least 24 bytes"),
        ({"ORDERLY_WEB_URL": "ftp://shop"}, "not an http(s) address"),
        ({"ORDERLY_CARRIER_PORT": "{taken}"}, "in use"),
    ],
)
def test_it_says_why_it_cannot_start(tmp_path: Path, changes: dict[str, str], words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        environment = {
            "PATH": os.environ["PATH"],
            "ORDERLY_CARRIER_PORT": "0",
            "ORDERLY_CARRIER_LEDGER": str(tmp_path / "ledger.sqlite3"),
            "ORDERLY_CARRIER_SECRET": "x" * 24,
            "ORDERLY_WEB_URL": "http://127.0.0.1:9",
            **{name: value.format(taken=taken) for name, value in changes.items()},
        }
        ended = subprocess.run(
            [sys.executable, "-m", "shipping.carrier"],
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


@pytest.mark.urls("tests.shipping.urls")
@pytest.mark.django_db(transaction=True)
def test_a_label_made_by_a_step_ends_as_a_dispatch_told_by_the_real_carrier(
    start_carrier: Start,
    live_server: Any,
    settings: Any,
    tmp_path: Path,
    reserve: Callable[..., tuple[UUID, Any]],
    label: Callable[[UUID], LabelCreated],
) -> None:
    take_in([StockLevel(sku="A", units=5)])
    ledger = tmp_path / "ledger.sqlite3"
    # Told at once, so that the first news may come before the label is recorded.
    with start_carrier(ledger, ORDERLY_WEB_URL=live_server.url, ORDERLY_CARRIER_SECONDS="0") as running:
        settings.SHIPPING_CARRIER = "shipping.carrier_http.HttpCarrier"
        settings.SHIPPING_CARRIER_URL = running.url
        settings.SHIPPING_CARRIER_SECRET = running.secret
        order_id, _ = reserve(A=2)
        label(order_id)
        wait_until(lambda: told(ledger) == 1, "the shop is told", 15)
    assert Shipment.objects.get(order_id=order_id).state == "dispatched"
    assert Reservation.objects.get(order_id=order_id).state == "shipped"
