"""The 600 orders of Northwind against Northwind's own stock: every ending as computed independently, then all restocked."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.acceptance.conftest import World
from tests.bootstrap.running_system import manage, wait_until
from tests.orders.northwind_oracle import BACKORDERED, FOLDER, northwind

pytestmark = pytest.mark.acceptance

ORDERS = str(FOLDER / "orders.jsonl")


@pytest.fixture(scope="module")
def world(start_world: Callable[..., World]) -> World:
    return start_world()


def endings(world: World) -> dict[str, str]:
    """Order number -> ending, read from the sagas."""
    _, listed = world.command("saga", "list", "--limit", "10000", "--json")
    names = {
        "completed": "shipped",
        "waiting": BACKORDERED,
        "compensated": "cancelled",
        "failed": "cancelled",
    }
    return {saga["reference"]: names.get(saga["state"], saga["state"]) for saga in listed["sagas"]}


def test_600_orders_end_as_computed_and_after_restocking_every_backorder_ships_oldest_first(
    world: World,
) -> None:
    expected = northwind()
    ended = manage_for_long(world, "place_orders", ORDERS, "--sequential", "--wait", "--json")
    assert (ended["placed"], ended["existing"], ended["errors"]) == (600, 0, [])
    assert ended["endings"] == expected.counts()
    assert endings(world) == expected.endings
    world.assert_in_order()

    again = manage_for_long(world, "place_orders", ORDERS, "--json")
    assert (again["placed"], again["existing"], again["errors"]) == (0, 600, [])

    _, restocked = world.command("restock", "--all", "5000")
    _, listed = world.command("saga", "list", "--limit", "10000", "--json")
    number_of = {saga["business_key"]: saga["reference"] for saga in listed["sagas"]}
    assert [number_of[key] for key in restocked["allocated"]] == expected.references(BACKORDERED)
    after = {r: "shipped" if e == BACKORDERED else e for r, e in expected.endings.items()}
    wait_until(lambda: endings(world) == after, "every back-order ships", 300)
    world.assert_in_order()


def manage_for_long(world: World, *arguments: str) -> dict[str, object]:
    ended = manage(*arguments, folder=world.folder, seconds=600, environment=world.environment)
    assert ended.returncode == 0, ended.stderr[-3000:]
    answer: dict[str, object] = json.loads(ended.stdout.strip().splitlines()[-1])
    return answer
