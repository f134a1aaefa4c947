"""What notifications promises to do for a saga: commands, results and step references. No Django here.

Sending is external: an e-mail leaves our database. One e-mail for each order and kind, whatever is repeated.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field

from notifications.addresses import why_not_mailable
from orchestration import Message, external

__all__ = [
    "CustomerTold",
    "MailLine",
    "OrderNews",
    "TellOrderBackordered",
    "TellOrderCancelled",
    "TellOrderShipped",
    "order_backordered",
    "order_cancelled",
    "order_shipped",
    "why_not_mailable",
]


class MailLine(Message):
    """One line of the order as the customer reads it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    sku: str
    quantity: int
    name: str | None = None


class OrderNews(Message):
    """What every e-mail about an order says."""

    order_id: UUID
    reference: str
    email: str
    customer_name: str
    lines: tuple[MailLine, ...]
    amount_minor: Annotated[int, Field(ge=0)]
    """In minor units of `currency`."""
    currency: str


class TellOrderShipped(OrderNews):
    """Tell the customer that the parcel is on its way."""

    tracking: str | None = None
    carrier: str | None = None


class TellOrderBackordered(OrderNews):
    """Tell the customer that something is out of stock and the order waits."""

    short_skus: tuple[str, ...] = ()
    """The products that are waited for; empty when not known."""


class TellOrderCancelled(OrderNews):
    """Tell the customer that there will be no delivery, why, and what became of the money."""

    capture_id: str | None = None
    """Set when money had been taken. Whether it was given back, the context of the step says: an undo may be left out."""


class CustomerTold(Message):
    """The e-mail has left; or it was done without, because it cannot be mailed."""

    message_id: str
    mailed: bool = True
    why_not: str = ""
    """For people; empty when it has left."""


order_shipped = external(
    "notifications.order_shipped", takes=TellOrderShipped, gives=CustomerTold, timeout=30
)
order_backordered = external(
    "notifications.order_backordered", takes=TellOrderBackordered, gives=CustomerTold, timeout=30
)
order_cancelled = external(
    "notifications.order_cancelled", takes=TellOrderCancelled, gives=CustomerTold, timeout=30
)
