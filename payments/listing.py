"""What the gateway says it has done, for `verify`: the second witness beside our rows."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Min

from orchestration.clock import with_zone
from orchestration.providers import effects_listed_by
from payments.gateway import ListedEffect, gateway
from payments.models import Payment

EARLIER = timedelta(days=120)
"""Before our oldest payment: an order that waited had its first authorization before the one that its row names."""


def effects() -> list[ListedEffect]:
    """All that the gateway lists since our oldest payment.

    Raises:
        CannotList: it cannot; the message says so in a sentence.
    """
    oldest: datetime | None = Payment.objects.aggregate(at=Min("authorized_at"))["at"]
    since = oldest and with_zone(oldest) - EARLIER
    return effects_listed_by(gateway(), "the payment gateway", since=since)
