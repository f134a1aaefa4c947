"""What the orders app promises to do for a saga, and what an order saga is started with. No Django here.

Every step of this app is local: it changes one row of ours, in the transaction that records the step.
"""

from __future__ import annotations

from uuid import UUID

from orchestration import Message, local


class OrderLine(Message):
    """So many of one product."""

    sku: str
    quantity: int
    """1 to 10,000."""
    name: str | None = None
    """The product's name, for whoever writes to the customer."""


class ShipTo(Message):
    """Where the parcel goes."""

    name: str
    line1: str
    city: str
    region: str | None = None
    postal_code: str | None = None
    country: str


class FulfilOrder(Message):
    """Input of the saga: everything the participants need, so that none of them asks this app back."""

    order_id: UUID
    reference: str
    email: str
    customer_name: str
    amount_minor: int
    """Price of all lines by our catalog, in minor units of `currency`."""
    currency: str
    """ISO 4217, e.g. `USD`."""
    card: str
    """The payment provider's token for the card; never a card number."""
    lines: tuple[OrderLine, ...]
    ship_to: ShipTo
    carrier: str | None = None


class AcceptOrder(Message):
    """Confirm the order to its customer."""

    order_id: UUID


class WithdrawOrder(Message):
    """Take the confirmation back: the order will not be fulfilled."""

    order_id: UUID


class MarkBackordered(Message):
    """Show that the order waits for stock."""

    order_id: UUID


class MarkResumed(Message):
    """Show that stock has come and the order goes on."""

    order_id: UUID


class MarkShipped(Message):
    """Show that the carrier has the order."""

    order_id: UUID


class MarkCancelled(Message):
    """Show that the order is cancelled, and why."""

    order_id: UUID


accept = local("orders.accept", takes=AcceptOrder)
withdraw = local("orders.withdraw", takes=WithdrawOrder)
mark_backordered = local("orders.mark_backordered", takes=MarkBackordered)
mark_resumed = local("orders.mark_resumed", takes=MarkResumed)
mark_shipped = local("orders.mark_shipped", takes=MarkShipped)
mark_cancelled = local("orders.mark_cancelled", takes=MarkCancelled)
