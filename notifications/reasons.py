"""Why an order was cancelled, in the customer's words. Pure: from the saga's failure to one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestration import Failure

TECHNICAL = "Something went wrong on our side, and we could not complete your order. We are sorry."

BY_KIND = {
    "cancel": "You asked us to cancel it.",
    "deadline": "The products did not come back into stock in time.",
    "event_timeout": "The products did not come back into stock in time.",
    "operator": "Our customer service cancelled it.",
}
"""By what stopped the saga; `rejected` and `exhausted` are told by their code."""

BY_CODE = {
    "card_declined": "Your bank declined the payment.",
    "insufficient_funds": "Your bank declined the payment: there was not enough money on the account.",
    "unknown_card": "The card could not be charged.",
    "authorization_expired": "The payment we had reserved on your card has expired.",
    "undeliverable": "Our carrier does not deliver to your address.",
}


def reason_for(failure: Failure | None, names: Mapping[str, str]) -> str:
    """One sentence for the customer. `names` are product names by sku, where known; codes we do not know are technical."""
    if failure is None:
        return TECHNICAL
    if failure.kind in BY_KIND:
        return BY_KIND[failure.kind]
    if failure.kind == "rejected" and failure.code in ("discontinued", "unknown_product"):
        return _unavailable(failure.data.get("skus"), names)
    if failure.kind == "rejected":
        return BY_CODE.get(failure.code, TECHNICAL)
    return TECHNICAL


def _unavailable(skus: object, names: Mapping[str, str]) -> str:
    known = (
        [names.get(sku, sku) for sku in skus if isinstance(sku, str)] if isinstance(skus, Sequence) else []
    )
    if not known or isinstance(skus, str):
        return "A product you ordered is no longer made, and we have not enough left of it."
    if len(known) == 1:
        return f"{known[0]} is no longer made, and we have not enough left of it."
    return f"{', '.join(known[:-1])} and {known[-1]} are no longer made, and we have not enough left of them."
