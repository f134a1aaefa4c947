"""A parcel has left: the shipment, the reservation, the stock and the event follow, in one transaction."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from uuid import UUID

from django.db import transaction

from orchestration.services import publish_event
from shipping.contracts import DISPATCHED, DispatchedEvent
from shipping.locks import lock_shipment
from shipping.models import ShipmentState
from shipping.reservations import hand_out


class Outcome(Enum):
    """What became of the news."""

    RECORDED = "recorded"
    KNOWN = "known"
    """It was told before; nothing changed."""
    NO_SUCH_LABEL = "no_such_label"
    """Not recorded yet, perhaps: the carrier has to tell it again."""


def record_dispatch(*, event_id: str, label_id: str, order_id: UUID, at: datetime) -> Outcome:
    """Record that the carrier has taken a parcel along.

    Opens one transaction; locks the shipment, its stock and its reservation. Idempotent by label, whatever the event's
    id, and whoever tells it at the same time.

    Raises:
        Reservation.DoesNotExist: the order holds no stock, so nothing of ours can have left.
    """
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
    return Outcome.RECORDED
