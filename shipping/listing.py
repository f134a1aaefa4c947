"""What the carrier says it has done, for `verify`: the second witness beside our rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db.models import Min

from orchestration.clock import with_zone
from shipping.labels import CannotList, ListedParcel, carrier
from shipping.models import Shipment

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
EARLIER = timedelta(days=1)
"""Before our oldest shipment: the clocks of two systems differ, and a label is made before it is recorded."""


def parcels() -> list[ListedParcel]:
    """All that the carrier lists since our oldest shipment.

    Raises:
        CannotList: it cannot; the message says so in a sentence.
    """
    lists = getattr(carrier(), "list_effects", None)
    if lists is None:
        raise CannotList("the carrier cannot list its effects")
    oldest: datetime | None = Shipment.objects.aggregate(at=Min("labelled_at"))["at"]
    found: list[ListedParcel] = list(lists(BEGINNING if oldest is None else with_zone(oldest) - EARLIER))
    return found
