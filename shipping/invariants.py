"""What must be true of stock and parcels, checked by `manage.py verify`, in part against what the carrier lists (`list_effects`).

Everything about stock holds at every moment. Parcels are compared with the ledger only for orders at rest, whose saga
has ended: between a label and its record the two may differ.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.db.models import Sum

from orchestration.providers import NoLedger
from orchestration.verification import Finding, invariant, open_business_keys
from shipping.listing import parcels
from shipping.models import (
    HOLDING,
    MovementKind,
    ReservationLine,
    ReservationState,
    Shipment,
    ShipmentState,
    Stock,
    StockMovement,
)


@invariant("shipping: on hand + reserved + shipped = initial + restocked, and nothing below zero")
def stock_is_conserved() -> Finding:
    """For each product."""
    rows = list(Stock.objects.all())
    violations = []
    for stock in rows:
        there, came = stock.on_hand + stock.reserved + stock.shipped, stock.initial + stock.restocked
        if there != came:
            violations.append(f"{stock.sku}: {there} units there, {came} came in")
        if min(stock.on_hand, stock.reserved, stock.shipped) < 0:
            violations.append(
                f"{stock.sku}: {stock.on_hand} on hand, {stock.reserved} reserved, {stock.shipped} shipped"
            )
    return Finding(checked=len(rows), violations=violations)


@invariant("shipping: reservations add up to what the stock says is reserved and shipped")
def reservations_add_up() -> Finding:
    """For each product: no unit is promised to two orders, none is held for nobody."""
    held, shipped = _lines_in(HOLDING), _lines_in((ReservationState.SHIPPED,))
    rows = {stock.sku: stock for stock in Stock.objects.all()}
    violations = [
        f"{sku}: reserved, but not in the warehouse" for sku in sorted({*held, *shipped} - rows.keys())
    ]
    for sku, stock in rows.items():
        if stock.reserved != held[sku]:
            violations.append(f"{sku}: stock says {stock.reserved} reserved, reservations {held[sku]}")
        if stock.shipped != shipped[sku]:
            violations.append(f"{sku}: stock says {stock.shipped} shipped, reservations {shipped[sku]}")
    return Finding(checked=len(rows), violations=violations)


@invariant("shipping: the history of movements leads to the stock as it is")
def movements_lead_to_stock() -> Finding:
    """For each product: replaying all movements gives the same row."""
    sums: Counter[tuple[str, str]] = Counter()
    for row in StockMovement.objects.values("sku", "kind").annotate(total=Sum("units")).order_by():
        sums[row["sku"], row["kind"]] = row["total"]
    rows = list(Stock.objects.all())
    violations = []
    for stock in rows:
        moved = {kind: sums[stock.sku, kind] for kind in MovementKind}
        out = moved[MovementKind.RESERVED] + moved[MovementKind.ALLOCATED] - moved[MovementKind.RELEASED]
        told = (
            moved[MovementKind.TAKEN_IN],
            moved[MovementKind.RESTOCKED],
            out - moved[MovementKind.SHIPPED],
        )
        if (
            told != (stock.initial, stock.restocked, stock.reserved)
            or moved[MovementKind.SHIPPED] != stock.shipped
        ):
            violations.append(
                f"{stock.sku}: the movements lead to another stock than {stock.on_hand} on hand"
            )
    return Finding(checked=len(rows), violations=violations)


@invariant("shipping: a parcel has left exactly when the units of its order have left")
def parcels_and_units_leave_together() -> Finding:
    """For each order, at every moment."""
    dispatched = _orders_of(
        Shipment.objects.filter(state=ShipmentState.DISPATCHED).values_list("order_id", flat=True)
    )
    handed_out = _orders_of(
        ReservationLine.objects.filter(reservation__state=ReservationState.SHIPPED)
        .values_list("reservation__order_id", flat=True)
        .distinct()
    )
    return Finding(
        checked=len(dispatched | handed_out),
        violations=[
            f"order {order}: the parcel left, the units did not" for order in sorted(dispatched - handed_out)
        ]
        + [f"order {order}: the units left, the parcel did not" for order in sorted(handed_out - dispatched)],
    )


@invariant("shipping: one label for each order at the carrier, and it is the one we know", snapshot=False)
def labels_agree_with_ledger() -> Finding:
    """Counted at every moment; compared for orders at rest."""
    # Before and after: an order that started or ended while we were reading may differ for good reasons.
    busy = set(open_business_keys())
    ours = {str(shipment.order_id): shipment for shipment in Shipment.objects.iterator()}
    try:
        theirs = parcels()
    except NoLedger as error:
        return Finding(checked=len(ours), violations=[f"{len(ours)} shipments, but {error}"] if ours else [])
    made = Counter(parcel.order_id for parcel in theirs)
    violations = [f"order {order}: {number} labels" for order, number in made.items() if number > 1]
    busy |= set(open_business_keys())
    by_id = {parcel.label_id: parcel.order_id for parcel in theirs}
    for order, shipment in ours.items():
        if by_id.get(shipment.label_id) != order:
            violations.append(f"order {order}: the carrier has no label {shipment.label_id} for it")
    violations += [
        f"order {order}: a label at the carrier, no shipment" for order in made.keys() - ours.keys() - busy
    ]
    return Finding(checked=len(made.keys() | ours.keys()), violations=violations)


@invariant(
    "shipping: what the carrier has told of is dispatched here, under the same event, once", snapshot=False
)
def dispatches_agree_with_ledger() -> Finding:
    """Every event that was answered 2xx has been recorded."""
    try:
        told = [parcel for parcel in parcels() if parcel.told_event]
    except NoLedger:
        return Finding(checked=0)  # the check of the labels says so
    ours = {
        shipment.label_id: shipment for shipment in Shipment.objects.filter(state=ShipmentState.DISPATCHED)
    }
    violations = []
    for parcel in told:
        shipment = ours.get(parcel.label_id)
        if shipment is None or shipment.dispatch_event_id != parcel.told_event:
            violations.append(f"order {parcel.order_id}: event {parcel.told_event} was told, not recorded")
    return Finding(checked=len(told), violations=violations)


def _lines_in(states: tuple[ReservationState, ...]) -> Counter[str]:
    rows = ReservationLine.objects.filter(reservation__state__in=states).values("sku").order_by()
    return Counter({row["sku"]: row["total"] for row in rows.annotate(total=Sum("quantity"))})


def _orders_of(order_ids: Any) -> set[str]:
    return {str(order_id) for order_id in order_ids}
