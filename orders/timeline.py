"""The steps of an order's saga, in words a customer understands. Pure: imports no Django."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One step, said at each moment of its life."""

    done: str
    under_way: str
    ahead: str
    refused: str = ""
    """A definite "no"; empty for a step nobody can refuse."""
    undone: str = ""
    undoing: str = ""
    to_undo: str = ""
    stuck: str = ""
    """Its undo was given up, and a person must decide."""
    kept: str = ""
    """A person has decided that its undo is left out."""


WORDS: dict[str, Words] = {
    "orders.accept": Words(
        done="Order confirmed",
        under_way="Confirming your order",
        ahead="Confirm your order",
        undone="Order withdrawn",
        undoing="Withdrawing the order",
        to_undo="Withdraw the order",
        stuck="The order could not be withdrawn",
        kept="Order not withdrawn",
    ),
    "shipping.reserve_stock": Words(
        done="Stock checked",
        under_way="Looking for your products in the warehouse",
        ahead="Find your products in the warehouse",
        refused="A product is not available",
        undone="Stock released",
        undoing="Putting the products back on the shelf",
        to_undo="Put the products back on the shelf",
        stuck="The products could not be put back",
        kept="Products not put back",
    ),
    "payments.authorize": Words(
        done="Card checked",
        under_way="Checking your card",
        ahead="Check your card",
        refused="Card declined",
        undone="Card hold released",
        undoing="Releasing the hold on your card",
        to_undo="Release the hold on your card",
        stuck="The hold on your card could not be released",
        kept="Hold on the card not released",
    ),
    "orders.mark_backordered": Words(
        done="Put on the waiting list for stock",
        under_way="Putting you on the waiting list",
        ahead="Put you on the waiting list",
    ),
    "notifications.order_backordered": Words(
        done="E-mail sent: waiting for stock",
        under_way="Writing you an e-mail about the wait",
        ahead="Write you an e-mail about the wait",
    ),
    "shipping.stock_reserved": Words(
        done="Stock arrived and is held for you",
        under_way="Waiting for stock",
        ahead="Wait for stock",
    ),
    "payments.renew_authorization": Words(
        done="Card checked again",
        under_way="Checking your card again",
        ahead="Check your card again",
        refused="Card declined the second time",
        undone="Second card hold released",
        undoing="Releasing the second hold on your card",
        to_undo="Release the second hold on your card",
        stuck="The second hold on your card could not be released",
        kept="Second hold on the card not released",
    ),
    "orders.mark_resumed": Words(
        done="Order goes on",
        under_way="Taking up your order again",
        ahead="Take up your order again",
    ),
    "payments.capture": Words(
        done="Payment taken",
        under_way="Taking the payment",
        ahead="Take the payment",
        refused="Payment declined",
        undone="Payment refunded",
        undoing="Paying your money back",
        to_undo="Pay your money back",
        stuck="Your money could not be paid back automatically",
        kept="Payment not refunded",
    ),
    "shipping.create_label": Words(
        done="Shipping label made",
        under_way="Packing: making the shipping label",
        ahead="Pack, and make the shipping label",
        refused="The carrier refused the parcel",
    ),
    "shipping.dispatched": Words(
        done="Handed to the carrier",
        under_way="Waiting for the carrier",
        ahead="Hand the parcel to the carrier",
    ),
    "orders.mark_shipped": Words(
        done="Order shipped",
        under_way="Marking your order as shipped",
        ahead="Mark your order as shipped",
    ),
    "notifications.order_shipped": Words(
        done="E-mail sent: shipped",
        under_way="Writing you an e-mail",
        ahead="Write you an e-mail",
    ),
    "orders.mark_cancelled": Words(
        done="Order cancelled",
        under_way="Cancelling the order",
        ahead="Cancel the order",
    ),
    "notifications.order_cancelled": Words(
        done="E-mail sent: cancelled",
        under_way="Writing you an e-mail",
        ahead="Write you an e-mail",
    ),
}
"""By the name of the step or wait in the saga's definition."""

FOUND: dict[tuple[str, str], str] = {
    ("shipping.reserve_stock", "StockReserved"): "Products found and held for you",
    ("shipping.reserve_stock", "BackOrdered"): "Not everything is in stock",
    ("payments.authorize", "PaymentAuthorized"): "Card checked: the amount is held, not taken",
}
"""(step, type of its result) -> what happened, where that says more than `Words.done`."""

NOT_MAILED = "No e-mail could be sent to this address"
"""Instead of `Words.done`, for an e-mail that was done without."""

WAITED_FOR = {"shipping.stock_reserved", "shipping.dispatched"}
"""Events from outside: while one is awaited, nothing of ours is at work."""

_AHEAD = {
    "pending": "about to start",
    "running": "under way",
    "waiting": "waiting",
    "unknown": "being checked",
    "rejected": "refused",
    "failed": "did not work",
    "not_needed": "not needed",
    "absent": "did not happen",
    "skipped": "left out",
}


def words_of(name: str) -> Words:
    """The words of a step; for one that has none, its name made readable."""
    plain = name.replace(".", ": ").replace("_", " ")
    return WORDS.get(name) or Words(done=plain, under_way=plain, ahead=plain)


def found(name: str, result_type: str | None, result: Mapping[str, Any] | None) -> str:
    """What a step that is done has found or done, e.g. `Products found and held for you`."""
    if result is not None and result.get("mailed") is False:
        return NOT_MAILED
    return FOUND.get((name, result_type or ""), words_of(name).done)


def in_words(*, name: str, direction: str, state: str, result: Mapping[str, Any] | None = None) -> str:
    """One line for one row of the saga, e.g. `Payment taken`, or `Card checked: refused`."""
    if state == "done" and result is not None and result.get("mailed") is False:
        return NOT_MAILED
    words = words_of(name)
    if state == "waiting" and name in WAITED_FOR:
        return words.under_way
    if direction == "undo" and state == "skipped" and words.kept:
        return words.kept
    said = (words.undone or words.done) if direction == "undo" else words.done
    return said if state == "done" else f"{said}: {_AHEAD.get(state, state)}"
