"""What one order asks of PostgreSQL, and what PostgreSQL can give here: told with `-s`, for docs/scaling.md."""

from __future__ import annotations

import pytest

from shipping.models import Shipment
from tests.orders.fulfilment import DISPATCHED, fulfil, stock
from tests.volume.floor import asked_by, commits_per_second, durable_server

pytestmark = [pytest.mark.durability, pytest.mark.usefixtures("catalog")]


def test_what_an_order_asks_and_what_the_database_can_commit_is_told(
    transactional_db: None, capsys: pytest.CaptureFixture[str]
) -> None:
    stock(NW_11=1000)

    def one() -> None:
        number[0] += 1
        Shipment.objects.all().delete()  # the scripted carrier gives every parcel the same label
        _, run = fulfil(("NW-11", 1), reference=f"NW-{number[0]}")
        run.until_rest().send("shipping.dispatched", DISPATCHED).until_rest()
        assert run.state == "completed"

    number = [0]
    one()  # the first of a process also looks up what is asked once
    orders = [asked_by(one) for _ in range(5)]
    typical = sorted(orders, key=lambda asked: asked.wal_bytes)[2]
    with durable_server() as address:
        floor = {n: commits_per_second(address, connections=n, seconds=3.0) for n in (1, 2, 4, 8, 16)}
    with capsys.disabled():
        print(f"\none shipped order: {typical}")  # noqa: T201
        print("durable commits per second:", {n: round(rate) for n, rate in floor.items()})  # noqa: T201
    assert len({asked.statements for asked in orders}) == 1
    assert typical.commits <= typical.statements
