"""Placing an order: order, lines and saga in one transaction, at our catalog's prices.

Either all of it exists afterwards or nothing does; the same reference with the same content is the same order.
"""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from orchestration.services import start_saga
from orders import contracts
from orders.errors import InvalidOrder, Problem, ReferenceTaken
from orders.models import Order, OrderLine, Product
from orders.models.order import ANONYMOUS
from orders.sagas import fulfil_order
from orders.services.requests import PlaceOrder

_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Digits and capitals that nobody confuses on the telephone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedOrder:
    """An order that is stored, now or already before."""

    order: Order
    existing: bool
    """Whether this reference with this content had been placed before."""


@transaction.atomic
def place_order(*, request: PlaceOrder, principal: str) -> PlacedOrder:
    """Store an order and start its saga.

    Guarantees: opens a transaction or joins the caller's; idempotent by `principal`, `request.reference` and its content,
    but for anonymous callers, whose references may be alike; takes no locks beyond its own new rows; needs no broker.

    Raises:
        InvalidOrder: an unknown product, nothing to pay, or prices in more than one currency or another than asked.
        ReferenceTaken: the reference belongs to an order with other content.
    """
    if request.reference is not None and (known := _placed_before(request, principal)) is not None:
        return known
    order, lines = _priced(request, principal)
    if not _stored(order, chosen_by_us=request.reference is None):
        # Somebody else placed the same reference between our look and our insert, and has committed.
        known = _placed_before(request, principal)
        if known is None:
            raise ReferenceTaken(order.reference)
        return known
    OrderLine.objects.bulk_create(lines)
    start_saga(
        fulfil_order, input=_saga_input(order, lines), business_key=str(order.id), reference=order.reference
    )
    return PlacedOrder(order=order, existing=False)


def _placed_before(request: PlaceOrder, principal: str) -> PlacedOrder | None:
    if principal == ANONYMOUS:
        return None
    order = Order.objects.filter(placed_by=principal, reference=request.reference).first()
    if order is None:
        return None
    if order.content_hash != request.content_hash():
        raise ReferenceTaken(order.reference)
    return PlacedOrder(order=order, existing=True)


def _stored(order: Order, *, chosen_by_us: bool) -> bool:
    """Insert the order; False when its reference is taken. A reference of ours is drawn anew instead."""
    for _ in range(5):
        try:
            with transaction.atomic():
                order.save(force_insert=True)
        except IntegrityError:
            if not Order.objects.filter(placed_by=order.placed_by, reference=order.reference).exists():
                raise
            if not chosen_by_us:
                return False
            order.reference = _new_reference()
        else:
            return True
    return False


def _new_reference() -> str:
    return "OR-" + "".join(secrets.choice(_ALPHABET) for _ in range(8))


def _priced(request: PlaceOrder, principal: str) -> tuple[Order, list[OrderLine]]:
    products = Product.objects.in_bulk([line.sku for line in request.lines], field_name="sku")
    _refuse_unknown(request, products)
    currency = _one_currency(request, products)
    order = Order(
        id=uuid.uuid4(),
        reference=request.reference or _new_reference(),
        email=request.customer.email,
        customer_name=request.customer.name,
        customer={"code": request.customer.code, "contact": request.customer.contact},
        ship_to=request.ship_to.model_dump(mode="json"),
        carrier=request.carrier or "",
        card=request.card,
        currency=currency,
        required_by=request.required_by,
        content_hash=request.content_hash(),
        placed_by=principal,
    )
    lines = [
        OrderLine(
            order=order,
            position=position,
            sku=line.sku,
            name=products[line.sku].name,
            quantity=line.quantity,
            unit_price_minor=products[line.sku].price_minor,
            line_total_minor=products[line.sku].price_minor * line.quantity,
        )
        for position, line in enumerate(request.lines, start=1)
    ]
    order.total_minor = sum(line.line_total_minor for line in lines)
    if order.total_minor == 0:
        # No payment provider authorizes nothing, so the saga could only fail.
        raise InvalidOrder([Problem("lines", "cost nothing together; there must be something to pay")])
    return order, lines


def _refuse_unknown(request: PlaceOrder, products: dict[str, Product]) -> None:
    problems = [
        Problem(f"lines[{index}].sku", f"no product has the SKU {line.sku!r}; take one from the catalog")
        for index, line in enumerate(request.lines)
        if line.sku not in products
    ]
    if problems:
        raise InvalidOrder(problems)


def _one_currency(request: PlaceOrder, products: dict[str, Product]) -> str:
    currencies = {products[line.sku].currency for line in request.lines}
    if len(currencies) > 1:
        listed = ", ".join(sorted(currencies))
        raise InvalidOrder([Problem("lines", f"are priced in {listed}; order each currency on its own")])
    currency = currencies.pop()
    if request.currency is not None and request.currency != currency:
        raise InvalidOrder(
            [Problem("currency", f"these products are sold in {currency}; send that, or leave it out")]
        )
    return currency


def _saga_input(order: Order, lines: list[OrderLine]) -> contracts.FulfilOrder:
    return contracts.FulfilOrder(
        order_id=order.id,
        reference=order.reference,
        email=order.email,
        customer_name=order.customer_name,
        amount_minor=order.total_minor,
        currency=order.currency,
        card=order.card,
        lines=tuple(
            contracts.OrderLine(sku=line.sku, quantity=line.quantity, name=line.name) for line in lines
        ),
        ship_to=contracts.ShipTo(**order.ship_to),
        carrier=order.carrier or None,
    )
