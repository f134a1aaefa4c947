"""Each invariant of shipping, true first and then broken by hand: it must name what is wrong."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from shipping import invariants
from shipping.carrier.ledger import Ledger
from shipping.contracts import LabelCreated
from shipping.dispatching import record_dispatch
from shipping.labels import carrier
from shipping.models import Reservation, Shipment, Stock, StockMovement

pytestmark = [pytest.mark.django_db, pytest.mark.owner]

ALL = (
    invariants.stock_is_conserved,
    invariants.reservations_add_up,
    invariants.movements_lead_to_stock,
    invariants.parcels_and_units_leave_together,
    invariants.labels_agree_with_ledger,
    invariants.dispatches_agree_with_ledger,
)


@pytest.fixture
def ledger(settings: Any, tmp_path: Path) -> Iterator[Path]:
    """A carrier in memory whose ledger is a file after all, for invariants to read."""
    path = tmp_path / "ledger.sqlite3"
    settings.SHIPPING_CARRIER = "shipping.carrier_memory.InMemoryCarrier"
    settings.SHIPPING_CARRIER_LEDGER = path
    opened = Ledger(path)
    carrier()._desk.ledger = opened  # type: ignore[attr-defined]
    yield path
    opened.close()


@pytest.fixture
def order_id(
    ledger: Path,
    warehouse: None,
    reserve: Callable[..., tuple[UUID, Any]],
    label: Callable[[UUID], LabelCreated],
) -> UUID:
    """An order that was shipped, beside one that holds stock and one that waits."""
    order_id, _ = reserve(A=3)
    reserve(A=2, B=1)
    reserve(B=50)
    made = label(order_id)
    with closing(sqlite3.connect(ledger, isolation_level=None)) as opened:
        (event_id,) = opened.execute("SELECT event_id FROM dispatches").fetchone()
        opened.execute("UPDATE dispatches SET told_at = 1")
    record_dispatch(event_id=event_id, label_id=made.label_id, order_id=order_id, at=datetime.now(UTC))
    return order_id


def without_constraints(table: str, statement: str) -> None:
    """Change rows in spite of their constraints, as a bug in a migration would."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype IN ('c', 'u')",
            [table],
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
        cursor.execute(statement)


def test_a_warehouse_in_order_breaks_nothing(order_id: UUID) -> None:
    for invariant in ALL:
        finding = invariant()
        assert finding.checked > 0
        assert finding.violations == []


def test_an_empty_warehouse_without_a_ledger_is_in_order(settings: Any, tmp_path: Path) -> None:
    settings.SHIPPING_CARRIER_LEDGER = tmp_path / "none.sqlite3"
    assert [invariant().violations for invariant in ALL] == [[]] * len(ALL)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE shipping_stock SET on_hand = 6 WHERE sku = 'A'", "A: 11 units there, 10 came in"),
        (
            "UPDATE shipping_stock SET on_hand = -1, reserved = 6 WHERE sku = 'B'",
            "B: -1 on hand, 6 reserved, 0 shipped",
        ),
    ],
)
def test_stock_that_vanishes_or_is_sold_twice_is_named(order_id: UUID, statement: str, words: str) -> None:
    without_constraints("shipping_stock", statement)
    assert invariants.stock_is_conserved().violations == [words]


def test_stock_held_for_nobody_is_named(order_id: UUID) -> None:
    Reservation.objects.filter(state="reserved").update(state="released")
    assert invariants.reservations_add_up().violations == [
        "A: stock says 2 reserved, reservations 0",
        "B: stock says 1 reserved, reservations 0",
    ]


def test_stock_promised_to_two_orders_is_named(order_id: UUID) -> None:
    Reservation.objects.filter(state="backordered").update(state="allocated")
    assert invariants.reservations_add_up().violations == ["B: stock says 1 reserved, reservations 51"]


def test_stock_shipped_for_nobody_is_named(order_id: UUID) -> None:
    Reservation.objects.filter(order_id=order_id).update(state="released")
    assert invariants.reservations_add_up().violations == ["A: stock says 3 shipped, reservations 0"]
    (violation,) = invariants.parcels_and_units_leave_together().violations
    assert violation == f"order {order_id}: the parcel left, the units did not"


def test_a_product_that_is_reserved_but_gone_is_named(order_id: UUID) -> None:
    Stock.objects.filter(sku="A").delete()
    assert "A: reserved, but not in the warehouse" in invariants.reservations_add_up().violations


def test_a_missing_movement_is_named(order_id: UUID) -> None:
    StockMovement.objects.filter(sku="A", kind="shipped").delete()
    assert invariants.movements_lead_to_stock().violations == [
        "A: the movements lead to another stock than 5 on hand"
    ]


def test_units_that_left_without_a_parcel_are_named(order_id: UUID) -> None:
    Shipment.objects.all().delete()
    assert invariants.parcels_and_units_leave_together().violations == [
        f"order {order_id}: the units left, the parcel did not"
    ]
    assert invariants.labels_agree_with_ledger().violations == [
        f"order {order_id}: a label at the carrier, no shipment"
    ]
    (violation,) = invariants.dispatches_agree_with_ledger().violations
    assert f"order {order_id}" in violation


def test_an_order_under_way_may_have_a_label_only(order_id: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    Shipment.objects.all().delete()
    monkeypatch.setattr(invariants, "open_business_keys", lambda: {str(order_id)})
    assert invariants.labels_agree_with_ledger().violations == []


def test_a_second_label_for_an_order_is_named(order_id: UUID, ledger: Path) -> None:
    with closing(sqlite3.connect(ledger, isolation_level=None)) as opened:
        opened.execute(
            "INSERT INTO labels SELECT 'again', at, 'other key', order_id, 'T2', service, request FROM labels"
        )
    assert invariants.labels_agree_with_ledger().violations == [f"order {order_id}: 2 labels"]


def test_a_label_the_carrier_does_not_know_is_named(order_id: UUID) -> None:
    Shipment.objects.update(label_id="lbl_invented")
    (violation, *_) = invariants.labels_agree_with_ledger().violations
    assert violation == f"order {order_id}: the carrier has no label lbl_invented for it"


def test_shipments_without_a_ledger_are_named(order_id: UUID, ledger: Path) -> None:
    ledger.unlink()
    (violation,) = invariants.labels_agree_with_ledger().violations
    assert "1 shipments, but no ledger at" in violation


def test_a_dispatch_under_another_event_is_named(order_id: UUID) -> None:
    Shipment.objects.update(dispatch_event_id="evt_other")
    (violation,) = invariants.dispatches_agree_with_ledger().violations
    assert "was told, not recorded" in violation
