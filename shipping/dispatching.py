"""A parcel has left: the shipment, the reservation, the stock and the event follow, in one transaction."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from uuid import UUID

from django.db import IntegrityError, transaction

from orchestration.sentences import explained, sentence
from orchestration.services import close_contradictions, publish_event, report_contradiction
from shipping.contracts import DISPATCHED, DispatchedEvent
from shipping.locks import lock_shipment
from shipping.models import Shipment, ShipmentState
from shipping.reservations import hand_out


class Outcome(Enum):
    """What became of the news."""

    RECORDED = "recorded"
    KNOWN = "known"
    """It was told before; nothing changed."""
    NO_SUCH_LABEL = "no_such_label"
    """Not recorded yet, perhaps: the carrier has to tell it again."""
    ID_OF_ANOTHER = "id_of_another"
    """The event's id has told of another parcel; nothing changed, and an incident is open."""


def record_dispatch(*, event_id: str, label_id: str, order_id: UUID, at: datetime) -> Outcome:
    """Record that the carrier has taken a parcel along.

    Opens one transaction; locks the shipment, its stock and its reservation. Idempotent by label, whatever the event's
    id, and whoever tells it at the same time. An id that two parcels claim is the first one's.

    Raises:
        Reservation.DoesNotExist: the order holds no stock, so nothing of ours can have left.
    """
    try:
        return _recorded(event_id, label_id, order_id, at)
    except IntegrityError:
        # Told of both parcels at the same moment, and the other one has committed.
        if not Shipment.objects.filter(dispatch_event_id=event_id).exclude(label_id=label_id).exists():
            raise
    report_odd_news(order_id, "the carrier's id of this event has told of another parcel already")
    return Outcome.ID_OF_ANOTHER


def report_odd_news(order_id: UUID, why: str) -> None:
    """Open an incident for news that was signed and cannot be true. Opens a transaction; idempotent by order."""
    report_contradiction(
        key=str(order_id),
        event=DISPATCHED,
        message=sentence(explained("News of the parcel was refused", why)),
    )


def _recorded(event_id: str, label_id: str, order_id: UUID, at: datetime) -> Outcome:
    with transaction.atomic():
        shipment = lock_shipment(label_id=label_id)
        if shipment is None or shipment.order_id != order_id:
            return Outcome.NO_SUCH_LABEL
        if shipment.state == ShipmentState.DISPATCHED:
            return Outcome.KNOWN
        shipment.state = ShipmentState.DISPATCHED
        shipment.dispatched_at = at
        shipment.dispatch_event_id = event_id
        shipment.save(update_fields=["state", "dispatched_at", "dispatch_event_id"])
        hand_out(order_id=order_id)
        publish_event(
            type=DISPATCHED,
            source="shipping",
            key=str(order_id),
            data=DispatchedEvent(label_id=label_id, dispatched_at=at).model_dump(mode="json"),
            event_id=event_id,
        )
        close_contradictions(key=str(order_id), event=DISPATCHED)
    return Outcome.RECORDED
