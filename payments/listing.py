"""What the gateway says it has done, for `verify`: the second witness beside our rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db.models import Min

from orchestration.clock import with_zone
from payments.gateway import CannotList, ListedEffect, gateway
from payments.models import Payment

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
EARLIER = timedelta(days=120)
"""Before our oldest payment: an order that waited had its first authorization before the one that its row names."""


def effects() -> list[ListedEffect]:
    """All that the gateway lists since our oldest payment.

    Raises:
        CannotList: it cannot; the message says so in a sentence.
    """
    lists = getattr(gateway(), "list_effects", None)
    if lists is None:
        raise CannotList("the payment gateway cannot list its effects")
    oldest: datetime | None = Payment.objects.aggregate(at=Min("authorized_at"))["at"]
    found: list[ListedEffect] = list(lists(BEGINNING if oldest is None else with_zone(oldest) - EARLIER))
    return found
