"""What shipping promises to do for a saga: commands, results, events and step references. No Django here.

Reserving and releasing are local: rows of our own warehouse, exactly once. The label is external, and the point after
which an order can no longer be undone. Nested values are tolerant readers: a field they do not know is ignored, so
that whoever fills them may say more than shipping needs.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, ConfigDict, Field

from orchestration import Message, external, local

STOCK_RESERVED = "shipping.stock_reserved"
"""Event: a back-ordered order has its stock now. Its key is the order's id, its data a `StockReservedEvent`."""
DISPATCHED = "shipping.dispatched"
"""Event: the carrier has taken the parcel. Its key is the order's id, its data a `DispatchedEvent`."""

Sku = Annotated[str, Field(min_length=1, max_length=64)]


class StockLine(Message):
    """So many units of one product."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    sku: Sku
    quantity: Annotated[int, Field(gt=0, le=1_000_000, strict=True)]


class Address(Message):
    """Where a parcel goes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    line1: str
    city: str
    region: str | None = None
    postal_code: str | None = None
    country: str


class StockLevel(Message):
    """What the warehouse is told of a product when the catalog is loaded."""

    sku: Sku
    units: Annotated[int, Field(ge=0, strict=True)]
    discontinued: bool = False


class ReserveStock(Message):
    """Hold stock for an order: every line or none."""

    order_id: UUID
    lines: Annotated[tuple[StockLine, ...], Field(min_length=1)]


class StockReserved(Message):
    """Every line is held."""

    reservation_id: int


class BackOrdered(Message):
    """At least one line is short and can be bought again: nothing is held, the order waits for a restock."""

    short_skus: tuple[str, ...]


class ReleaseStock(Message):
    """Give back what an order holds, or take it off the waiting list."""

    order_id: UUID


class CreateLabel(Message):
    """Hand the parcel over to a carrier."""

    order_id: UUID
    reference: str
    ship_to: Address
    carrier: str | None = None


class LabelCreated(Message):
    """The carrier has accepted the parcel."""

    label_id: str
    tracking: str
    carrier: str


class StockReservedEvent(Message):
    """Data of `shipping.stock_reserved`."""

    reservation_id: int


class DispatchedEvent(Message):
    """Data of `shipping.dispatched`."""

    label_id: str
    dispatched_at: AwareDatetime


reserve_stock = local("shipping.reserve_stock", takes=ReserveStock, gives=StockReserved | BackOrdered)
release_stock = local("shipping.release_stock", takes=ReleaseStock)
create_label = external("shipping.create_label", takes=CreateLabel, gives=LabelCreated, timeout=30)
