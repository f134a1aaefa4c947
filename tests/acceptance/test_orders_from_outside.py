"""Orders through the HTTP API and the commands, carried by worker processes: endings, contention, cards, the broker's events."""

from __future__ import annotations

import base64
import json
import os
import signal
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.acceptance.conftest import World
from tests.bootstrap.running_system import wait_until

pytestmark = pytest.mark.acceptance

SHIP_TO = {"name": "Ada", "line1": "1 Analytical Way", "city": "London", "country": "UK"}


@pytest.fixture(scope="module")
def world(start_world: Callable[..., World]) -> World:
    return start_world()


def order(reference: str, sku: str, quantity: int, **more: Any) -> dict[str, Any]:
    customer = {"name": "Ada Lovelace", "email": "ada@example.com"}
    lines = [{"sku": sku, "quantity": quantity}]
    return {"reference": reference, "customer": customer, "ship_to": SHIP_TO, "lines": lines, **more}


def place_all(world: World, orders: list[dict[str, Any]], *options: str) -> tuple[int, dict[str, Any]]:
    file = world.folder.with_name(f"{world.folder.name}-{uuid4().hex[:6]}.jsonl")
    file.write_text("\n".join(json.dumps(each) for each in orders))
    try:
        return world.command("place_orders", str(file), "--wait", "--json", *options)
    finally:
        file.unlink()


def call(
    world: World, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, dict[str, Any]]:
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(world.url + path, data=data, method=method)  # noqa: S310 - our own loopback address
    for name, value in {"Content-Type": "application/json", **headers}.items():
        request.add_header(name.replace("_", "-"), value)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - our own loopback address
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_200_orders_at_once_for_50_units_reserve_exactly_50(world: World) -> None:
    # NW-01 has 39 units; eleven more make fifty.
    world.command("restock", "NW-01", "11")
    status, ended = place_all(world, [order(f"RUSH-{n}", "NW-01", 1) for n in range(200)])
    assert (status, ended["placed"]) == (0, 200)
    assert ended["endings"] == {"shipped": 50, "backordered": 150, "cancelled": 0}
    world.assert_in_order()


def test_every_card_ends_its_order_as_the_table_of_cards_says(world: World) -> None:
    ends = {
        "card_ok": "shipped",
        "card_declined": "cancelled",
        "card_insufficient_funds": "cancelled",
        "card_charge_then_timeout": "shipped",
        "card_server_error": "shipped",
        "card_error_after_charge": "shipped",
        "card_slow": "shipped",
        "card_capture_declined": "cancelled",
    }
    orders = [order(f"CARD-{card}", "NW-34", 1, card=card) for card in ends]
    status, ended = place_all(world, orders)
    assert (status, ended["errors"]) == (0, [])
    for card, ending in ends.items():
        _, shown = world.command("saga", "show", f"CARD-{card}", "--json")
        assert (card, shown["state"] == "completed") == (card, ending == "shipped")
    world.assert_in_order()


def test_an_order_through_the_api_is_shipped_and_a_late_cancel_refused(world: World) -> None:
    body = order("API-1", "NW-34", 2, card="card_ok")
    status, placed = call(world, "POST", "/api/orders", body, Idempotency_Key=f'"{"api-1":->36}"')
    assert status in (201, 202), placed
    path = f"/api/orders/{placed['id']}"
    wait_until(lambda: call(world, "GET", path)[1]["status"] == "shipped", "the order is shipped", 30)
    status, _ = call(world, "POST", f"{path}/cancel", {})
    assert status == 409
    assert call(world, "GET", path)[1]["status"] == "shipped"
    replayed, answer = call(world, "POST", "/api/orders", body, Idempotency_Key=f'"{"api-1":->36}"')
    assert (replayed, answer["id"]) == (201 if status == 201 else replayed, placed["id"])


def test_a_backorder_is_cancelled_by_its_customer_and_everything_is_undone(world: World) -> None:
    status, placed = call(
        world,
        "POST",
        "/api/orders",
        order("API-2", "NW-03", 5000, card="card_ok"),
        Idempotency_Key="api-2".ljust(36, "-"),
    )
    assert status in (201, 202), placed
    path = f"/api/orders/{placed['id']}"
    wait_until(
        lambda: call(world, "GET", path)[1]["status"] == "backordered", "the order waits for stock", 30
    )
    status, _ = call(world, "POST", f"{path}/cancel", {})
    assert status in (200, 202)
    wait_until(lambda: call(world, "GET", path)[1]["status"] == "cancelled", "the order is cancelled", 30)
    wait_until(
        lambda: world.command("saga", "show", "API-2", "--json")[1]["state"] == "cancelled",
        "the saga has ended",
        30,
    )
    world.assert_in_order()


def test_the_brokers_events_show_each_action_and_undo_as_its_own_task(world: World) -> None:
    place_all(world, [order("SEEN-1", "NW-34", 1), order("SEEN-2", "NW-34", 1, card="card_capture_declined")])
    password = json.loads((world.folder / "secrets.json").read_text())["flower_password"]
    request = urllib.request.Request(f"http://127.0.0.1:{world.flower_port}/api/tasks?limit=2000")
    token = base64.b64encode(f"admin:{password}".encode()).decode()
    request.add_header("Authorization", f"Basic {token}")
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - our own loopback address
        tasks = list(json.load(response).values())
    _, saga = world.command("saga", "show", "SEEN-1", "--json")
    (capture,) = [t for t in tasks if t["name"] == "payments.capture" and "SEEN-1" in t["kwargs"]]
    # The order first: the list of tasks shows only the beginning.
    assert capture["kwargs"].startswith(
        "{'order': 'SEEN-1', 'step': 'payments.capture', 'saga': '" + saga["id"]
    )
    seen = {
        reference: {t["name"] for t in tasks if reference in str(t["kwargs"])}
        for reference in ("SEEN-1", "SEEN-2")
    }
    assert seen["SEEN-1"] >= {
        "orders.accept", "shipping.reserve_stock", "payments.authorize", "payments.capture", "shipping.create_label",
        "orders.mark_shipped", "notifications.order_shipped", "orchestration.advance",
    }  # fmt: skip
    assert seen["SEEN-2"] >= {
        "payments.void", "shipping.release_stock", "orders.withdraw", "orders.mark_cancelled",
        "notifications.order_cancelled", "orchestration.compensate",
    }  # fmt: skip


def test_a_bad_file_names_each_bad_line_and_places_the_good_ones(world: World, tmp_path: Path) -> None:
    good = order("GOOD-1", "NW-34", 1)
    bad = [
        order("BAD-1", "NW-99", 1),
        order("BAD-2", "NW-34", 0),
        order("BAD-3", "NW-34", 10**9),
        {"reference": "BAD-4"},
    ]
    status, ended = place_all(world, [good, *bad])
    assert (status, ended["placed"]) == (1, 1)
    assert [error["line"] for error in ended["errors"]] == [2, 3, 4, 5]
    assert all(error["reason"] for error in ended["errors"])
    assert world.command("saga", "list", "--limit", "10000", "--json")[1]["sagas"]
    world.assert_in_order()


def test_orders_end_as_they_must_although_every_worker_is_killed_in_the_middle(world: World) -> None:
    orders = [
        order(f"KILL-{n}", "NW-75", 1, card="card_declined" if n % 4 == 0 else "card_ok") for n in range(24)
    ]
    file = world.folder.with_name(f"{world.folder.name}-kill.jsonl")
    file.write_text("\n".join(json.dumps(each) for each in orders))
    try:
        assert world.command("place_orders", str(file), "--json")[1]["placed"] == 24
    finally:
        file.unlink()
    killed = world.pids("worker")
    assert len(killed) == 2
    for worker in killed:
        os.killpg(worker, signal.SIGKILL)

    def endings() -> dict[str, int]:
        _, listed = world.command("saga", "list", "--limit", "10000", "--json")
        states = [saga["state"] for saga in listed["sagas"] if saga["reference"].startswith("KILL-")]
        return {state: states.count(state) for state in states}

    wait_until(lambda: not set(endings()) - {"completed", "compensated"}, "all have ended", 120)
    assert endings() == {"completed": 18, "compensated": 6}
    assert not set(world.pids("worker")) & set(killed)
    world.assert_in_order()
