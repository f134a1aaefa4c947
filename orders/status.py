"""The status of an order, and which changes are permitted. Said once, here; the database has the same list.

    placed ──► confirmed ◄──► backordered
       │           │  │            │
       │           │  └─► shipped  │
       │           ▼               │
       │       withdrawn ◄─────────┘
       ▼           ▼
       └───► cancelled ◄──── confirmed, backordered (when a person skipped the withdrawal)

Pure: imports no Django.
"""

from __future__ import annotations

from enum import StrEnum


class OrderStatus(StrEnum):
    """Where an order stands, as its customer sees it."""

    PLACED = "placed"
    """Stored; nobody has looked at it yet."""
    CONFIRMED = "confirmed"
    """Accepted: stock and money are being arranged."""
    BACKORDERED = "backordered"
    """Waits for stock and holds none."""
    SHIPPED = "shipped"
    """Paid, and with the carrier. Final."""
    WITHDRAWN = "withdrawn"
    """Will not be fulfilled; what was done for it is undone, and the customer is about to be told."""
    CANCELLED = "cancelled"
    """Not fulfilled; everything is undone, or left standing by a decision. Final; `cancel_reason` says why."""


PERMITTED: dict[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.PLACED: frozenset({OrderStatus.CONFIRMED, OrderStatus.CANCELLED}),
    OrderStatus.CONFIRMED: frozenset(
        {OrderStatus.BACKORDERED, OrderStatus.SHIPPED, OrderStatus.WITHDRAWN, OrderStatus.CANCELLED}
    ),
    OrderStatus.BACKORDERED: frozenset({OrderStatus.CONFIRMED, OrderStatus.WITHDRAWN, OrderStatus.CANCELLED}),
    OrderStatus.WITHDRAWN: frozenset({OrderStatus.CANCELLED}),
    OrderStatus.SHIPPED: frozenset(),
    OrderStatus.CANCELLED: frozenset(),
}
"""From each status, the statuses an order may change to. Nothing leaves a final one."""

FINAL = frozenset(status for status, following in PERMITTED.items() if not following)

IN_WORDS: dict[OrderStatus, str] = {
    OrderStatus.PLACED: "Received",
    OrderStatus.CONFIRMED: "Confirmed",
    OrderStatus.BACKORDERED: "Waiting for stock",
    OrderStatus.SHIPPED: "Shipped",
    OrderStatus.WITHDRAWN: "Being cancelled",
    OrderStatus.CANCELLED: "Cancelled",
}
"""What a customer reads."""

ENDING_OF_SAGA: dict[str, OrderStatus] = {
    "completed": OrderStatus.SHIPPED,
    "compensated": OrderStatus.CANCELLED,
    "failed": OrderStatus.CANCELLED,
    "cancelled": OrderStatus.CANCELLED,
}
"""Terminal saga state -> the status the order must have then."""
