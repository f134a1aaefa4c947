"""The canned orders of the demo corner: real ones, of what the warehouse really has, by a customer who never lived here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from orders.models import Order, Product
from orders.models.order import MOST_PER_LINE
from orders.services.placing import place_order
from orders.services.request_problems import read_order


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """One way an order can end, and how to get there."""

    title: str
    promise: str
    """What will be seen, in a sentence."""
    button: str
    card: str
    carrier: str = ""
    is_short: bool = False
    """Asks for one unit more than there is."""


ENDINGS: dict[str, Ending] = {
    "shipped": Ending(
        title="Shipped",
        promise="Stock is held, the card is charged, the label is made, and the carrier takes the parcel.",
        button="Place an order that ships",
        card="card_ok",
    ),
    "back-ordered": Ending(
        title="Waiting for stock",
        promise="One unit more than there is: the order waits, and holds no worker. Press Restock and it ships.",
        button="Place an order that has to wait",
        card="card_ok",
        is_short=True,
    ),
    "undone": Ending(
        title="Cancelled, and undone",
        promise="The card can be held and not charged: stock goes back to the shelf and the hold is released.",
        button="Place an order that is undone",
        card="card_capture_declined",
    ),
    "declined": Ending(
        title="Card declined",
        promise="The bank says no at once. No money is held, and what was reserved meanwhile is given back.",
        button="Place an order with a declined card",
        card="card_declined",
    ),
    "stuck": Ending(
        title="A person has to decide",
        promise="The carrier refuses after the payment, and the bank refuses to pay back: an incident is opened in the admin.",
        button="Place an order that gets stuck",
        card="card_refund_refused",
        carrier="Nowhere Express",
    ),
}
"""By the word in the address."""

SLOW = Ending(
    title="A worker dies",
    promise="The bank takes its time, so that there is time to kill the worker that waits for it.",
    button="Kill a worker now",
    card="card_slow",
)

_ADA = {"name": "Ada Lovelace", "email": "ada@example.com"}
_HOME = {"name": "Ada Lovelace", "line1": "12 St James's Square", "city": "London", "country": "UK"}


class NothingToOrder(Exception):
    """The warehouse has nothing that fits; the message says what to do."""


def place_demo_order(ending: Ending, *, customer: str) -> Order:
    """Place the order of an ending for this customer. Opens a transaction; not idempotent: each press is an order.

    Raises:
        NothingToOrder: nothing fits.
        InvalidOrder: the catalog does not allow it, for instance because everything is free of charge.
    """
    sku, quantity = _one_too_many() if ending.is_short else (_best_stocked(), 1)
    content: dict[str, Any] = {
        "customer": _ADA,
        "ship_to": _HOME,
        "card": ending.card,
        "carrier": ending.carrier,
        "lines": [{"sku": sku, "quantity": quantity}],
    }
    return place_order(request=read_order(content), principal=customer).order


def restock_for_demo() -> tuple[int, int]:
    """Take in what waiting orders lack, and something for every empty shelf: (units that came, orders served)."""
    empty = {sku: 10 for sku, free in _free_units().items() if free == 0}
    done = import_string(settings.ORDERLY_RESTOCK)(units=empty, to_fill=True)
    return sum(done.units.values()), len(done.allocated)


def _best_stocked() -> str:
    sku, free = max(_free_units().items(), key=lambda item: item[1], default=("", 0))
    if free < 1:
        raise NothingToOrder("Every shelf is empty. Press Restock, then try again.")
    return sku


def _one_too_many() -> tuple[str, int]:
    """Of the product with the fewest units: an order for a thousand would look odd."""
    fitting = {sku: free for sku, free in _free_units().items() if free < MOST_PER_LINE}
    if not fitting:
        raise NothingToOrder("There is no product in the catalog that could run out.")
    sku = min(fitting, key=lambda each: (fitting[each], each))
    return sku, fitting[sku] + 1


def _free_units() -> Mapping[str, int]:
    """Free units of every product that is still made and costs something."""
    skus = Product.objects.filter(discontinued=False, price_minor__gt=0).values_list("sku", flat=True)
    levels: Callable[[Any], Mapping[str, int]] = import_string(settings.ORDERLY_STOCK_LEVELS)
    return levels(list(skus))
