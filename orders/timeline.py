"""The steps of an order's saga, in words a customer understands. Pure: imports no Django."""

from __future__ import annotations

FORWARD = {
    "orders.accept": "Order confirmed",
    "shipping.reserve_stock": "Stock checked",
    "payments.authorize": "Card checked",
    "orders.mark_backordered": "Put on the waiting list for stock",
    "notifications.order_backordered": "E-mail sent: waiting for stock",
    "shipping.stock_reserved": "Stock arrived and is held for you",
    "payments.renew_authorization": "Card checked again",
    "orders.mark_resumed": "Order goes on",
    "payments.capture": "Payment taken",
    "shipping.create_label": "Shipping label made",
    "shipping.dispatched": "Handed to the carrier",
    "orders.mark_shipped": "Order shipped",
    "notifications.order_shipped": "E-mail sent: shipped",
    "orders.mark_cancelled": "Order cancelled",
    "notifications.order_cancelled": "E-mail sent: cancelled",
}
"""What has happened when the step is done."""

RETURNED = {
    "orders.accept": "Order withdrawn",
    "shipping.reserve_stock": "Stock released",
    "payments.authorize": "Card hold released",
    "payments.renew_authorization": "Second card hold released",
    "payments.capture": "Payment refunded",
}
"""What has happened when the step's undo is done."""

WAITED_FOR = {
    "shipping.stock_reserved": "Waiting for stock",
    "shipping.dispatched": "Waiting for the carrier",
}
"""What has not happened yet, while the saga rests for it."""

_AHEAD = {
    "pending": "about to start",
    "running": "under way",
    "waiting": "waiting",
    "unknown": "being checked",
    "rejected": "refused",
    "failed": "did not work",
    "not_needed": "not needed",
    "absent": "did not happen",
}


def in_words(*, name: str, direction: str, state: str) -> str:
    """One line for one row of the saga, e.g. `Payment taken`, or `Card checked: refused`."""
    if state == "waiting" and name in WAITED_FOR:
        return WAITED_FOR[name]
    said = (RETURNED if direction == "undo" else FORWARD).get(name, name.replace(".", ": ").replace("_", " "))
    return said if state == "done" else f"{said}: {_AHEAD.get(state, state)}"
