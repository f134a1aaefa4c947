"""What must be true across the apps, checked by `manage.py verify`: money, stock and parcels agree with the orders.

The apps are strangers to each other, so only the project can hold them against one another. Where a step in between
would look like a contradiction, only orders whose saga has ended count; which these are is read first, because what has
ended stays as it is while the rest is being read.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from notifications.models import EmailMessage, Kind
from orchestration.models import Saga
from orchestration.money import format_minor
from orchestration.providers import NoLedger
from orchestration.standing import kept_by_business_key, left_out_by_business_key
from orchestration.verification import Finding, invariant, open_business_keys
from orders.contracts import mark_shipped
from orders.models import Order, OrderLine
from orders.sagas import FULFIL_ORDER
from orders.status import FINAL
from payments.listing import effects
from payments.models import Payment
from shipping.models import HOLDING, Reservation, ReservationLine, ReservationState, Shipment, ShipmentState


def _ended(*, kept: bool = True) -> set[str]:
    """Return the ids of the orders whose saga has ended and is done with. One whose undo waits for a person is not.

    Nor are those of which something stays by a person's decision, unless `kept` is False: see `open_business_keys`.

    Those whose saga was pruned are among them: money, stock and parcels are held against each other all the same.
    """
    sagas = Saga.objects.filter(definition=FULFIL_ORDER)
    ended = set(sagas.filter(ended_at__isnull=False).values_list("business_key", flat=True))
    final = Order.objects.filter(status__in=sorted(FINAL)).values_list("id", flat=True)
    pruned = {str(identity) for identity in final} - set(sagas.values_list("business_key", flat=True))
    return (ended | pruned) - open_business_keys(kept=kept)


def _at_rest(status: str, *, kept: bool = True) -> dict[str, Order]:
    """Return the orders of a status whose saga has ended, by id."""
    ended = _ended(kept=kept)
    found = {str(order.id): order for order in Order.objects.filter(status=status)}
    return {key: order for key, order in found.items() if key in ended}


def _by_order(model: Any) -> dict[str, Any]:
    return {str(row.order_id): row for row in model.objects.all()}


@invariant("across: nothing ships unpaid")
def nothing_ships_unpaid() -> Finding:
    """At every moment: a parcel's order exists and its total was taken, and not given back."""
    # Parcels first: what is paid before the label is made is paid when we look at it afterwards.
    parcels, payments = _by_order(Shipment), _by_order(Payment)
    orders = {str(order.id): order for order in Order.objects.all()}
    violations = []
    for key in parcels:
        order, payment = orders.get(key), payments.get(key)
        if order is None:
            violations.append(f"parcel for order {key}, which does not exist")
        elif payment is None or payment.captured_minor - payment.refunded_minor != order.total_minor:
            paid = payment.captured_minor - payment.refunded_minor if payment else 0
            violations.append(f"order {order.reference}: has a parcel, paid {paid} of {order.total_minor}")
    return Finding(checked=len(parcels), violations=violations)


@invariant("across: a cancelled order has cost nothing, holds no stock and has no parcel")
def cancelled_orders_are_undone() -> Finding:
    """Once its saga has ended. What a person has decided to leave as it is, is listed with its money."""
    orders = _at_rest("cancelled", kept=False)
    decided, payments, parcels = kept_by_business_key(), _by_order(Payment), _by_order(Shipment)
    reservations = _by_order(Reservation)
    holding = {*HOLDING, ReservationState.BACKORDERED, ReservationState.SHIPPED}
    violations: list[str] = []
    by_decision: list[str] = []
    for key, order in orders.items():
        payment, reservation = payments.get(key), reservations.get(key)
        stays = decided.get(key, set())
        if payment is not None and payment.captured_minor != payment.refunded_minor:
            kept = format_minor(payment.captured_minor - payment.refunded_minor, payment.currency)
            told = by_decision if "payments.capture" in stays else violations
            told.append(f"order {order.reference}: cancelled, {kept} kept")
        elif stays & {"payments.authorize", "payments.renew_authorization"} and payment is not None:
            held = format_minor(payment.amount_minor, payment.currency)
            by_decision.append(
                f"order {order.reference}: cancelled, {held} held on the card until it runs out"
            )
        if reservation is not None and reservation.state in holding:
            told = by_decision if "shipping.reserve_stock" in stays else violations
            told.append(f"order {order.reference}: cancelled, its stock is {reservation.state}")
        if key in parcels:
            violations.append(f"order {order.reference}: cancelled, parcel {parcels[key].label_id} exists")
    return Finding(checked=len(orders), violations=violations, kept=by_decision)


@invariant("across: a shipped order is paid in full, its stock has left, and the carrier has its parcel")
def shipped_orders_are_complete() -> Finding:
    """Once its saga has ended: nothing is missing and nothing is too much."""
    orders, payments, parcels = _at_rest("shipped"), _by_order(Payment), _by_order(Shipment)
    reservations = _by_order(Reservation)
    wanted, left = _units_ordered(), _units_reserved()
    violations = []
    for key, order in orders.items():
        payment, parcel, reservation = payments.get(key), parcels.get(key), reservations.get(key)
        paid = (payment.captured_minor, payment.refunded_minor, payment.currency) if payment else None
        if paid != (order.total_minor, 0, order.currency):
            violations.append(f"order {order.reference}: shipped, paid {paid}, total {order.total_minor}")
        if reservation is None or reservation.state != ReservationState.SHIPPED:
            state = reservation.state if reservation else "missing"
            violations.append(f"order {order.reference}: shipped, its reservation is {state}")
        elif wanted.get(key) != left.get(key):
            violations.append(f"order {order.reference}: ordered {wanted.get(key)}, left {left.get(key)}")
        if parcel is None or parcel.state != ShipmentState.DISPATCHED:
            violations.append(
                f"order {order.reference}: shipped, its parcel is {parcel.state if parcel else 'missing'}"
            )
    return Finding(checked=len(orders), violations=violations)


@invariant("across: an order that waits for stock has been charged nothing")
def waiting_orders_are_not_charged() -> Finding:
    """The money is held at most, and taken only when there is something to send."""
    waiting = {str(row.order_id) for row in Reservation.objects.filter(state=ReservationState.BACKORDERED)}
    payments = _by_order(Payment)
    return Finding(
        checked=len(waiting),
        violations=[
            f"order {key}: waits for stock, charged {payments[key].captured_minor}"
            for key in sorted(waiting & payments.keys())
            if payments[key].captured_minor
        ],
    )


@invariant("across: the gateway's takings are the totals of the shipped orders, to the cent")
def money_is_conserved() -> Finding:
    """Per order at rest and per currency, by the gateway's own list; and it charged nobody we do not know.

    An order counts as shipped also where a person has left out the step that marks it so.
    """
    ended, left_out = _ended(), left_out_by_business_key()
    try:
        ledger = _net_takings()
    except NoLedger:
        ledger = []
    orders = {str(order.id): order for order in Order.objects.all()}
    expected: Counter[str] = Counter()
    for key, order in orders.items():
        is_shipped = order.status == "shipped" or mark_shipped.task in left_out.get(key, set())
        if is_shipped and key in ended:
            expected[order.currency] += order.total_minor
    takings: Counter[str] = Counter()
    violations = []
    for key, currency, net in ledger:
        known = orders.get(key)
        if known is None:
            violations.append(f"the gateway knows order {key}, we do not")
        if key not in ended:
            continue
        takings[currency] += net
        if known is not None and net not in (0, known.total_minor):
            violations.append(f"order {known.reference}: the gateway kept {net} of {known.total_minor}")
    for currency in sorted(expected.keys() | takings.keys()):
        if expected[currency] != takings[currency]:
            violations.append(
                f"{currency}: shipped {expected[currency]}, the gateway kept {takings[currency]}"
            )
    return Finding(checked=len(orders), violations=violations)


def _net_takings() -> list[tuple[str, str, int]]:
    """Order, currency, captured minus refunded: by what the gateway lists.

    Raises:
        CannotList: it cannot.
    """
    net: Counter[tuple[str, str]] = Counter()
    for effect in effects():
        sign = {"capture": 1, "refund": -1}.get(effect.kind, 0)
        net[effect.order_id, effect.currency] += sign * effect.amount_minor
    return [(order, currency, kept) for (order, currency), kept in net.items()]


def _units_ordered() -> dict[str, Counter[str]]:
    return _units(OrderLine.objects.values_list("order_id", "sku", "quantity"))


def _units_reserved() -> dict[str, Counter[str]]:
    return _units(ReservationLine.objects.values_list("reservation__order_id", "sku", "quantity"))


def _units(rows: Any) -> dict[str, Counter[str]]:
    units: dict[str, Counter[str]] = {}
    for order_id, sku, quantity in rows:
        units.setdefault(str(order_id), Counter())[sku] += quantity
    return units


@invariant("across: the customer of an order that has ended was told how")
def customers_were_told() -> Finding:
    """Once its saga has ended: the e-mail of its ending is there, sent or with the reason why it could not be."""
    told = {(str(order_id), kind) for order_id, kind in EmailMessage.objects.values_list("order_id", "kind")}
    left_out, checked = left_out_by_business_key(), 0
    violations: list[str] = []
    by_decision: list[str] = []
    for status, kind in (("shipped", Kind.ORDER_SHIPPED), ("cancelled", Kind.ORDER_CANCELLED)):
        for key, order in _at_rest(status).items():
            checked += 1
            if (key, kind.value) not in told:
                is_decided = f"notifications.{kind.value}" in left_out.get(key, set())
                found = by_decision if is_decided else violations
                found.append(f"order {order.reference}: {status}, and no e-mail says so")
    return Finding(checked=checked, violations=violations, kept=by_decision)
