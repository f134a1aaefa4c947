"""Why an order was cancelled, in the customer's words. Pure: imports no Django."""

from __future__ import annotations

from orchestration.core.planning.context import Failure

BY_CODE = {
    "card_declined": "Your card was declined.",
    "insufficient_funds": "Your card was declined: there was not enough money.",
    "authorization_expired": "The reservation on your card had run out and could not be renewed.",
    "undeliverable": "The carrier cannot deliver to this address.",
}
BY_KIND = {
    # Not the message: it may name who asked, and an order's page is not the place for that.
    "cancel": "The order was cancelled on request.",
    "operator": "We had to cancel the order.",
    "deadline": "The order could not be fulfilled in time.",
    "event_timeout": "The missing products did not come into stock in time.",
    "exhausted": "The order could not be fulfilled because of a technical problem.",
}


def reason_for(failure: Failure | None) -> str:
    """One or two sentences for the customer."""
    if failure is None:
        return "The order was cancelled."
    if failure.code == "discontinued":
        skus = failure.data.get("skus")
        names = ", ".join(str(sku) for sku in skus) if isinstance(skus, list) else ""
        return f"A product is no longer made and not in stock{': ' + names if names else ''}."
    if failure.code in BY_CODE:
        return BY_CODE[failure.code]
    if failure.kind in BY_KIND:
        return BY_KIND[failure.kind]
    # Not the message: it may be a provider's own, in words and with names that are not for customers.
    return "The order could not be fulfilled."
