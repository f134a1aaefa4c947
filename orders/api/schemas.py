"""What the API answers. Fields are named here and nowhere else, so nothing slips out by being added to a row."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import StringConstraints

from orchestration.core.planning.standing import kept_steps
from orders.models import Order
from orders.services.reading import OrderInFull
from orders.services.requests import Plain
from orders.status import IN_WORDS, OrderStatus
from orders.timeline import in_words

StatusName = Literal["placed", "confirmed", "backordered", "shipped", "withdrawn", "cancelled"]


class OrderPlaced(Schema):
    """The order is stored and will be fulfilled; follow `href`."""

    id: UUID
    reference: str
    total_minor: int
    currency: str
    href: str


class LineOut(Schema):
    """One line, at the price of the moment it was placed."""

    position: int
    sku: str
    name: str
    quantity: int
    unit_price_minor: int
    line_total_minor: int


class TimelineEntry(Schema):
    """One step."""

    text: str
    step: str
    direction: str
    state: str
    at: datetime | None = None


class LeftStandingOut(Schema):
    """The effect of one step, which stays by decision."""

    text: str
    step: str


class SagaOut(Schema):
    """How far the order has got behind the scenes."""

    state: str
    milestone: str | None
    left_standing: list[LeftStandingOut]
    """What a person has decided to leave as it is, although the order was cancelled; usually empty."""
    timeline: list[TimelineEntry]


class OrderSummary(Schema):
    """An order in a list."""

    id: UUID
    reference: str
    status: StatusName
    customer_name: str
    email: str
    total_minor: int
    currency: str
    placed_at: datetime
    href: str


class OrderOut(OrderSummary):
    """An order in full."""

    status_text: str
    cancel_reason: str | None
    carrier: str | None
    required_by: date | None
    ship_to: dict[str, str | None]
    lines: list[LineOut]
    saga: SagaOut | None


class OrderPage(Schema):
    """A page of orders, newest first."""

    orders: list[OrderSummary]
    next_cursor: str | None
    """Send it as `cursor` to get the next page; null on the last."""


class CancelRequest(Schema):
    """Why; optional."""

    model_config = {"extra": "forbid"}

    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), Plain] = ""


class CancelOut(Schema):
    """The order is cancelled (200), or is being cancelled (202)."""

    id: UUID
    reference: str
    status: StatusName
    detail: str


def href_of(order: Order) -> str:
    """Where the order can be read."""
    return f"/api/orders/{order.id}"


def summary_of(order: Order) -> OrderSummary:
    """An order in a list."""
    return OrderSummary(**_summary(order))


def order_out(full: OrderInFull) -> OrderOut:
    """An order in full."""
    order, saga = full.order, full.saga
    timeline = [
        TimelineEntry(
            text=in_words(name=step.name, direction=step.direction, state=step.state, result=step.result),
            step=step.name,
            direction=step.direction,
            state=step.state,
            at=step.ended_at,
        )
        for step in full.steps
    ]
    return OrderOut(
        **_summary(order),
        status_text=IN_WORDS[OrderStatus(order.status)],
        cancel_reason=order.cancel_reason or None,
        carrier=order.carrier or None,
        required_by=order.required_by,
        ship_to=order.ship_to,
        lines=[
            LineOut(
                position=line.position,
                sku=line.sku,
                name=line.name,
                quantity=line.quantity,
                unit_price_minor=line.unit_price_minor,
                line_total_minor=line.line_total_minor,
            )
            for line in full.lines
        ],
        saga=SagaOut(
            state=saga.state,
            milestone=saga.milestone or None,
            left_standing=_left_standing(full),
            timeline=timeline,
        )
        if saga
        else None,
    )


def _left_standing(full: OrderInFull) -> list[LeftStandingOut]:
    states = {(step.name, step.direction): step.state for step in full.steps}
    return [
        LeftStandingOut(step=step, text=in_words(name=step, direction="undo", state="skipped"))
        for step in kept_steps(states)
    ]


def _summary(order: Order) -> dict[str, Any]:
    return {
        "id": order.id,
        "reference": order.reference,
        "status": order.status,
        "customer_name": order.customer_name,
        "email": order.email,
        "total_minor": order.total_minor,
        "currency": order.currency,
        "placed_at": order.placed_at,
        "href": href_of(order),
    }
