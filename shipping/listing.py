"""What the carrier says it has done, for `verify`: the second witness beside our rows."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Min

from orchestration.clock import with_zone
from orchestration.providers import effects_listed_by
from shipping.labels import ListedParcel, carrier
from shipping.models import Shipment

EARLIER = timedelta(days=1)
"""Before our oldest shipment: the clocks of two systems differ, and a label is made before it is recorded."""


def parcels() -> list[ListedParcel]:
    """All that the carrier lists since our oldest shipment.

    Raises:
        CannotList: it cannot; the message says so in a sentence.
    """
    oldest: datetime | None = Shipment.objects.aggregate(at=Min("labelled_at"))["at"]
    since = oldest and with_zone(oldest) - EARLIER
    return effects_listed_by(carrier(), "the carrier", since=since)
