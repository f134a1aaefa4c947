"""The sandbox carrier as a process: its webhooks, what it survives, what its ledger keeps."""

from __future__ import annotations

import hashlib
import http.server
import json
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from orchestration.providers.conformance import RunningSandbox, SandboxConformance
from shipping.contracts import LabelCreated, StockLevel
from shipping.models import Reservation, Shipment
from shipping.standard_webhooks import api_key, verify
from shipping.stock import take_in
from tests.bootstrap.running_system import wait_until
from tests.shipping.conftest import ENVIRONMENT

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


class TestCarrierProcess(SandboxConformance):
    module = "shipping.carrier"
    variables = "ORDERLY_CARRIER"
    environment = ENVIRONMENT
    acts_at = "/labels"
    hanging = {"service": "Silent Express"}
    bad_requests = (
        parcel(order_id=""),
        parcel(order_id=5),
        parcel(ship_to="Paul"),
        parcel(ship_to={}),
        parcel(service=7),
        parcel(service="x" * 101),
        [],
        None,
    )
    cannot_start = (
        ({"ORDERLY_CARRIER_PORT": ""}, "set ORDERLY_CARRIER_PORT in the environment"),
        ({"ORDERLY_CARRIER_SECRET": "short"}, "at least 24 bytes"),
        ({"ORDERLY_WEB_URL": "ftp://shop"}, "not an http(s) address"),
        ({"ORDERLY_CARRIER_PORT": "{taken}"}, "in use"),
    )

    def request(self, **changes: Any) -> dict[str, Any]:
        return parcel(**changes)

    def api_key(self, secret: str) -> str:
        return api_key(secret.encode())

    def test_the_signing_secret_is_no_key(self, sandbox: RunningSandbox) -> None:
        assert self.act(sandbox, "k", body=parcel(), given=f"Bearer {sandbox.secret}")[0] == 401


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


def test_a_label_of_a_ledger_from_before_answers_were_kept_is_given_again(
    start_carrier: Start, tmp_path: Path
) -> None:
    ledger, body = tmp_path / "ledger.sqlite3", parcel()
    fingerprint = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    with start_carrier(ledger) as first:
        made = call(first, "POST", "/labels", "k", json=body)
    with closing(sqlite3.connect(ledger, isolation_level=None)) as opened:
        opened.execute("DROP TABLE answers")
        opened.execute("DROP TRIGGER labels_no_UPDATE")
        opened.execute("UPDATE labels SET request = ?", (fingerprint,))
    with start_carrier(ledger) as second:
        assert call(second, "POST", "/labels", "k", json=body).text == made.text
        assert call(second, "POST", "/labels", "k", json=parcel()).status_code == 422
    assert rows(ledger, "SELECT count(*) FROM labels") == [(1,)]
