"""What must be true of money, checked by `manage.py verify` against the gateway's own ledger file.

The ledger is the second witness: it was written by another process and knows nothing of our rows. Orders whose saga is
still under way are left out where row and ledger are compared: between an effect and its record they may differ.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from typing import Any

from orchestration.verification import Finding, invariant, open_business_keys
from payments import conf
from payments.models import Payment, PaymentState


@invariant("payments: the gateway's ledger is there and can be read")
def ledger_is_there() -> Finding:
    """Money moved by us without a ledger to compare it with cannot be verified."""
    rows = Payment.objects.count()
    if rows and _effects() is None:
        return Finding(
            checked=rows, violations=[f"{rows} payments, but no ledger at {conf.gateway_ledger()}"]
        )
    return Finding(checked=rows, violations=[])


@invariant("payments: at most one effect per key at the gateway")
def one_effect_per_key() -> Finding:
    """An idempotency key that was repeated must not have moved money twice."""
    effects = _effects() or []
    keys = _grouped(effects, "idempotency_key")
    return Finding(
        checked=len(effects),
        violations=[f"key {key}: {len(made)} effects" for key, made in keys.items() if len(made) > 1],
    )


@invariant(
    "payments: 0 <= refunded <= captured <= authorized, one currency and at most one capture for each order"
)
def sums_in_order() -> Finding:
    """Per order at the gateway, at every moment."""
    orders = _grouped(_effects() or [], "order_id")
    return Finding(
        checked=len(orders),
        violations=[
            f"order {order}: {wrong}" for order, made in orders.items() for wrong in _wrong_sums(made)
        ],
    )


@invariant(
    "payments: every effect at the gateway has its row, in agreement, and every row its effect",
    snapshot=False,
)
def rows_agree_with_ledger() -> Finding:
    """Only orders at rest, whose saga has ended."""
    # Before and after: an order that started or ended while we were reading may differ for good reasons.
    busy = set(open_business_keys())
    ledger = _grouped(_effects() or [], "order_id")
    rows = {str(payment.order_id): payment for payment in Payment.objects.iterator()}
    busy |= set(open_business_keys())
    at_rest = sorted((ledger.keys() | rows.keys()) - busy)
    return Finding(
        checked=len(at_rest),
        violations=[
            f"order {order}: {wrong}"
            for order in at_rest
            for wrong in _disagreements(rows.get(order), ledger.get(order, []))
        ],
    )


def _effects() -> list[dict[str, Any]] | None:
    """All effects of the ledger file, opened to read only; None when there is no such file."""
    path = conf.gateway_ledger()
    if not path.is_file():
        return None
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=5)) as ledger:
        ledger.row_factory = sqlite3.Row
        return [dict(row) for row in ledger.execute("SELECT * FROM effects ORDER BY seq")]


def _grouped(effects: Iterable[dict[str, Any]], column: str) -> dict[str, list[dict[str, Any]]]:
    groups: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for effect in effects:
        groups[effect[column]].append(effect)
    return groups


def _sum(effects: Iterable[dict[str, Any]], kind: str) -> int:
    return sum(effect["amount_minor"] for effect in effects if effect["kind"] == kind)


def _wrong_sums(made: list[dict[str, Any]]) -> Iterable[str]:
    captures = sum(effect["kind"] == "capture" for effect in made)
    if captures > 1:
        yield f"{captures} captures"
    # Each authorization by itself: an expired one and its renewal together would allow twice the amount.
    for authorization_id, its in _grouped(made, "authorization_id").items():
        held, captured, refunded = (_sum(its, kind) for kind in ("authorization", "capture", "refund"))
        if not 0 <= refunded <= captured <= held:
            yield f"{authorization_id}: held {held}, captured {captured}, refunded {refunded}"
    currencies = sorted({effect["currency"] for effect in made})
    if len(currencies) > 1:
        yield f"several currencies: {', '.join(currencies)}"


def _disagreements(row: Payment | None, made: list[dict[str, Any]]) -> Iterable[str]:
    """What a row and the ledger say differently about an order at rest."""
    if row is None:
        yield f"{len(made)} effects at the gateway, no row"
        return
    ids = {effect["id"]: effect["kind"] for effect in made}
    if ids.get(row.authorization_id) != "authorization":
        yield f"authorization {row.authorization_id} of the row is not in the ledger"
    captured, refunded = _sum(made, "capture"), _sum(made, "refund")
    if (row.captured_minor, row.refunded_minor) != (captured, refunded):
        yield (
            f"row says captured {row.captured_minor}, refunded {row.refunded_minor};"
            f" ledger says {captured}, {refunded}"
        )
    for ours, kind in ((row.capture_id, "capture"), (row.refund_id, "refund")):
        if ours and ids.get(ours) != kind:
            yield f"{kind} {ours} of the row is not in the ledger"
    if made and {effect["currency"] for effect in made} != {row.currency}:
        yield f"row is in {row.currency}"
    voided = {effect["authorization_id"] for effect in made if effect["kind"] == "void"}
    if row.state == PaymentState.VOIDED and row.authorization_id not in voided:
        yield "row says voided, the gateway has not voided the authorization"
    if row.state != PaymentState.VOIDED and row.authorization_id in voided:
        yield f"row says {row.state}, the gateway has voided the authorization"
