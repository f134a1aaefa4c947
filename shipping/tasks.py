"""The steps of shipping. Stock is local: it changes in the transaction that records the step. The label is external."""

from __future__ import annotations

from orchestration import NOT_NEEDED, NotNeeded, StepContext
from orchestration.participant import performs
from shipping import contracts, reservations
from shipping.labels import Label, carrier
from shipping.models import ReservationState, Shipment


@performs(contracts.reserve_stock)
def reserve_stock(
    command: contracts.ReserveStock, context: StepContext
) -> contracts.StockReserved | contracts.BackOrdered:
    """Hold every line, or join the waiting list holding nothing.

    Raises:
        StepRejected: a product is unknown, or short and discontinued.
    """
    reservation, short = reservations.reserve(order_id=command.order_id, lines=command.lines)
    if reservation.state == ReservationState.BACKORDERED:
        return contracts.BackOrdered(short_skus=short)
    return contracts.StockReserved(reservation_id=reservation.pk)


@performs(contracts.release_stock)
def release_stock(command: contracts.ReleaseStock, context: StepContext) -> NotNeeded | None:
    """Undo a reservation, whether it waits, was allocated or holds from the start."""
    return None if reservations.release(order_id=command.order_id) else NOT_NEEDED


@performs(contracts.create_label)
def create_label(command: contracts.CreateLabel, context: StepContext) -> contracts.LabelCreated:
    """Hand the parcel over to the carrier: the point of no return.

    Raises:
        StepRejected: the carrier does not deliver there.
    """
    label = carrier().create_label(
        key=context.idempotency_key,
        order_id=str(command.order_id),
        reference=command.reference,
        ship_to=command.ship_to,
        service=command.carrier,
    )
    return _created(label)


@create_label.look_up
def find_label(command: contracts.CreateLabel, context: StepContext) -> contracts.LabelCreated | None:
    """What the carrier knows under this key."""
    label = carrier().find(context.idempotency_key)
    return _created(label) if label else None


@create_label.cancel_by_key
def refuse_label(command: contracts.CreateLabel, context: StepContext) -> contracts.LabelCreated | None:
    """Make sure that no label is made under this key from now on."""
    label = carrier().refuse(context.idempotency_key)
    return _created(label) if label else None


@create_label.record
def save_label(command: contracts.CreateLabel, result: contracts.LabelCreated, context: StepContext) -> None:
    """Write the shipment's row."""
    Shipment.objects.get_or_create(
        order_id=command.order_id,
        defaults={"label_id": result.label_id, "tracking": result.tracking, "carrier": result.carrier},
    )


def _created(label: Label) -> contracts.LabelCreated:
    return contracts.LabelCreated(label_id=label.id, tracking=label.tracking, carrier=label.service)
