"""What a person types, as the business keys of sagas: an order's id is the key of its saga."""

from __future__ import annotations

from orders.models import Order

MOST = 200
"""Orders of one customer; the newest."""


def meant_by(text: str) -> list[str]:
    """Ids of the orders of an e-mail address, without regard to case; none for any other text. One query or none.

    Wired by `ORCHESTRATION["ADMIN_SEARCH"]`.
    """
    if "@" not in text:
        return []
    found = Order.objects.filter(email__iexact=text.strip()).order_by("-placed_at", "-id")
    return [str(identity) for identity in found.values_list("id", flat=True)[:MOST]]
