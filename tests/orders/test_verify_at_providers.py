"""`verify` asks each provider what it has done, in its own words: one that lists is held against our rows, one that does not is said so."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from config import invariants as across
from orchestration.services import skip_step
from orders.models import Order
from payments import invariants as money
from payments.gateway import ListedEffect
from payments.models import Payment
from payments.sandbox.ledger import Ledger
from shipping import invariants as parcels
from shipping.dispatching import record_dispatch
from shipping.labels import ListedParcel
from shipping.models import Shipment
from tests.orders.fulfilment import DISPATCHED, fulfil, stock

pytestmark = pytest.mark.django_db
HERE = "tests.orders.test_verify_at_providers"
MONEY = (money.ledger_is_there, money.one_effect_per_key, money.sums_in_order, money.rows_agree_with_ledger)
ACROSS = (across.money_is_conserved,)
PARCELS = (parcels.labels_agree_with_ledger, parcels.dispatches_agree_with_ledger)


class SilentGateway:
    """Somebody's gateway that has no way to list what it did."""

    def close(self) -> None:
        """Nothing is open."""


class SilentCarrier(SilentGateway):
    """Somebody's carrier, likewise."""


class ListingGateway(SilentGateway):
    """Somebody's gateway that lists what it did; no file, and nothing of the sandbox's."""

    made: ClassVar[list[ListedEffect]] = []
    asked: ClassVar[list[datetime]] = []

    def list_effects(self, since: datetime) -> Iterable[ListedEffect]:
        """One after the other, as a page after a page would come."""
        self.asked.append(since)
        yield from self.made


class ListingCarrier(SilentCarrier):
    """Somebody's carrier that lists its parcels."""

    made: ClassVar[list[ListedParcel]] = []

    def list_effects(self, since: datetime) -> Iterable[ListedParcel]:
        """All of them."""
        return list(self.made)


class BrokenGateway(SilentGateway):
    """Its list cannot be had at the moment."""

    def list_effects(self, since: datetime) -> Iterable[ListedEffect]:
        """Nobody answers."""
        raise ConnectionError("nobody answers")


@pytest.fixture
def shipped(catalog: None, settings: Settings, tmp_path: Path) -> Order:
    """An order that was shipped and paid; beside it lies a ledger of a sandbox that nobody uses any more, and which is wrong."""
    stock(NW_11=9)
    order, run = fulfil(("NW-11", 1))
    run.until_rest()
    label = Shipment.objects.get(order_id=order.id).label_id
    record_dispatch(event_id="evt_1", label_id=label, order_id=order.id, at=timezone.now())
    run.until_rest()
    assert run.state == "completed"
    stale = tmp_path / "gateway.sqlite3"
    with (ledger := Ledger(stale)).entry():
        ledger.add_effect(
            id="old", idempotency_key="old", kind="capture", order_id="old", authorization_id="old", amount_minor=1,
            currency="EUR", card="card_ok",
        )  # fmt: skip
    ledger.close()
    settings.PAYMENTS_GATEWAY_LEDGER = str(stale)
    settings.PAYMENTS_GATEWAY = f"{HERE}.ListingGateway"
    settings.SHIPPING_CARRIER = f"{HERE}.ListingCarrier"
    ListingGateway.made, ListingGateway.asked = effects_of(Payment.objects.get(order_id=order.id)), []
    shipment = Shipment.objects.get(order_id=order.id)
    ListingCarrier.made = [
        ListedParcel(
            label_id=shipment.label_id, order_id=str(order.id), key="k3", told_event=shipment.dispatch_event_id or ""
        )
    ]  # fmt: skip
    return order


def effects_of(payment: Payment, **different: Any) -> list[ListedEffect]:
    common: dict[str, Any] = {
        "order_id": str(payment.order_id), "authorization_id": payment.authorization_id,
        "amount_minor": payment.amount_minor, "currency": payment.currency,
    }  # fmt: skip
    return [
        ListedEffect(id=payment.authorization_id, kind="authorization", key="k1", **common),
        ListedEffect(id=payment.capture_id, kind="capture", key="k2", **{**common, **different}),
    ]


def violations(checks: Iterable[Callable[[], Any]]) -> list[str]:
    return [violation for check in checks for violation in check().violations]


def test_a_provider_that_lists_is_held_against_our_rows(shipped: Order) -> None:
    for check in (*MONEY, *ACROSS, *PARCELS):
        finding = check()
        assert (finding.violations, finding.not_compared) == ([], "")
        assert finding.checked >= 1
    first = Payment.objects.get().authorized_at
    assert set(ListingGateway.asked) == {first - timedelta(days=120)}


def test_money_of_an_order_that_nobody_marked_as_shipped_by_decision_is_in_its_place(
    catalog: None, settings: Settings
) -> None:
    stock(NW_11=1)
    order, run = fulfil(("NW-11", 1), reject_at={"orders.mark_shipped": 1})
    run.until_rest().send("shipping.dispatched", DISPATCHED)
    run.until(lambda each: bool(each.incidents))
    run.decide(skip_step, step="orders.mark_shipped", direction="forward", by="ana", reason="marked by hand")
    run.until(lambda each: each.state == "completed")
    settings.PAYMENTS_GATEWAY = f"{HERE}.ListingGateway"
    ListingGateway.made = effects_of(Payment.objects.get(order_id=order.id))
    assert violations(ACROSS) == []


@pytest.mark.parametrize(
    ("different", "told"),
    [
        ({"amount_minor": 1}, "ledger says 1, 0"),
        ({"currency": "JPY"}, "several currencies: JPY, USD"),
        ({"order_id": "ffffffff-0000-0000-0000-000000000000"}, "the gateway knows order ffffffff-0000-0000-0000-000000000000, we do not"),
    ],
)  # fmt: skip
def test_money_that_differs_is_named_by_amount_currency_and_order(
    shipped: Order, different: dict[str, Any], told: str
) -> None:
    ListingGateway.made = effects_of(Payment.objects.get(), **different)
    found = violations((*MONEY, *ACROSS))
    assert any(told in violation for violation in found), found


def test_a_second_effect_under_one_key_and_a_parcel_of_nobody_are_named(shipped: Order) -> None:
    ListingGateway.made += ListingGateway.made[-1:]
    ListingCarrier.made = [ListedParcel(label_id="x", order_id="nobody", key="k")]
    assert violations([money.one_effect_per_key]) == ["key k2: 2 effects"]
    found = violations([parcels.labels_agree_with_ledger])
    assert any("the carrier has no label" in violation for violation in found)
    assert "order nobody: a label at the carrier, no shipment" in found


def test_an_effect_that_only_the_provider_knows_is_named_also_when_we_have_no_row(shipped: Order) -> None:
    Payment.objects.all().delete()
    assert violations([money.rows_agree_with_ledger]) == [
        f"order {shipped.id}: 2 effects at the gateway, no row"
    ]
    assert ListingGateway.asked[-1] == datetime(2000, 1, 1, tzinfo=UTC)


def test_a_provider_that_cannot_list_is_said_not_to_be_compared(shipped: Order, settings: Settings) -> None:
    settings.PAYMENTS_GATEWAY = f"{HERE}.SilentGateway"
    settings.SHIPPING_CARRIER = f"{HERE}.SilentCarrier"
    for check in (*MONEY, *ACROSS):
        finding = check()
        assert (finding.violations, finding.not_compared) == (
            [],
            "not compared: the payment gateway cannot list its effects",
        )
    for check in PARCELS:
        finding = check()
        assert (finding.violations, finding.not_compared) == (
            [],
            "not compared: the carrier cannot list its effects",
        )
    said = verified()
    assert "the payment gateway cannot list its effects" in said
    assert "the carrier cannot list its effects" in said
    told = {check["name"]: check["not_compared"] for check in json.loads(verified("--json"))["checks"]}
    assert sum(bool(reason) for reason in told.values()) == len((*MONEY, *ACROSS, *PARCELS))


@pytest.mark.parametrize("setting", ["PAYMENTS_GATEWAY", "SHIPPING_CARRIER"])
def test_a_gateway_elsewhere_is_not_compared_with_the_ledger_of_the_sandbox(
    shipped: Order, settings: Settings, setting: str
) -> None:
    settings.PAYMENTS_GATEWAY = "payments.gateway_http.HttpGateway"
    settings.SHIPPING_CARRIER = "shipping.carrier_http.HttpCarrier"
    checks = MONEY if setting == "PAYMENTS_GATEWAY" else PARCELS
    setattr(settings, f"{setting}_URL", "https://provider.example/v1")
    assert [check().violations for check in checks] == [[]] * len(checks)
    assert all("cannot list its effects" in check().not_compared for check in checks)


def test_a_list_that_cannot_be_had_is_out_of_place(shipped: Order, settings: Settings) -> None:
    settings.PAYMENTS_GATEWAY = f"{HERE}.BrokenGateway"
    said = verified(status=1)
    assert "the check itself failed: ConnectionError: nobody answers" in said


def verified(*words: str, status: int = 0) -> str:
    """What `verify` says."""
    out = StringIO()
    try:
        call_command("verify", *words, stdout=out, stderr=StringIO())
    except CommandError:
        assert status == 1, out.getvalue()[-2_000:]
    return " ".join(out.getvalue().split())
