"""What the warehouse does for orders: reservations, shipments, movements."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin

from orchestration.admin.participants import ParticipantPage
from orchestration.admin.read_only import ReadOnlyRows
from orchestration.admin.theme import label
from shipping.models import (
    MovementKind,
    Reservation,
    ReservationLine,
    ReservationState,
    Shipment,
    ShipmentState,
    StockMovement,
)

RESERVATION_COLOURS = {
    ReservationState.RESERVED.value: "info",
    ReservationState.BACKORDERED.value: "warning",
    ReservationState.ALLOCATED.value: "info",
    ReservationState.RELEASED.value: "plain",
    ReservationState.SHIPPED.value: "success",
}
SHIPMENT_COLOURS = {ShipmentState.LABELLED.value: "info", ShipmentState.DISPATCHED.value: "success"}
MOVEMENT_COLOURS = {
    MovementKind.TAKEN_IN.value: "info",
    MovementKind.RESTOCKED.value: "info",
    MovementKind.RESERVED.value: "plain",
    MovementKind.ALLOCATED.value: "plain",
    MovementKind.RELEASED.value: "warning",
    MovementKind.SHIPPED.value: "success",
}


class ReservationLineRows(ReadOnlyRows):
    """Lines below their reservation."""

    model = ReservationLine
    verbose_name_plural = "lines"
    fields = ("sku", "quantity")


@admin.register(Reservation)
class ReservationAdmin(ParticipantPage):
    """One row for each order that wants stock. The waiting list is the back-ordered ones, oldest first."""

    instead = "Stock is held and given back by a saga's steps; a restock (Stock) fills the waiting ones, oldest first."
    list_display = ("belongs_to", "shown_state", "created_at", "updated_at")
    list_filter = ("state",)
    search_help_text = "Order number, e-mail or order id"
    ordering = ("-id",)
    inlines = (ReservationLineRows,)
    fields: ClassVar[Any] = (("belongs_to", "shown_state"), ("created_at", "updated_at"), "order_id")
    readonly_fields = ("belongs_to", "shown_state")

    @label(description="state", ordering="state", colours=RESERVATION_COLOURS)
    def shown_state(self, reservation: Reservation) -> tuple[str, str]:
        """What the warehouse does for the order, as a coloured label."""
        return reservation.state, reservation.get_state_display()


@admin.register(Shipment)
class ShipmentAdmin(ParticipantPage):
    """One row for each parcel, newest first."""

    instead = "A label is made by a step and cannot be taken back; the carrier says when the parcel has left."
    list_display = ("belongs_to", "shown_state", "carrier", "tracking", "labelled_at", "dispatched_at")
    list_filter = ("state",)
    search_help_text = "Order number, e-mail, order id or label"
    found_by = ("label_id",)
    fields: ClassVar[Any] = (
        ("belongs_to", "shown_state"),
        ("carrier", "tracking"),
        ("labelled_at", "dispatched_at"),
        ("label_id", "dispatch_event_id"),
        "order_id",
    )
    readonly_fields = ("belongs_to", "shown_state")

    @label(description="state", ordering="state", colours=SHIPMENT_COLOURS)
    def shown_state(self, shipment: Shipment) -> tuple[str, str]:
        """Where the parcel is, as a coloured label."""
        return shipment.state, shipment.get_state_display()


@admin.register(StockMovement)
class StockMovementAdmin(ParticipantPage):
    """The history of the stock, newest first."""

    instead = "Movements are only ever added, by steps and by restocks."
    list_display = ("at", "sku", "shown_kind", "units", "belongs_to")
    list_filter = ("kind",)
    search_help_text = "SKU, order number, e-mail or order id"
    found_by = ("sku",)
    fields: ClassVar[Any] = (("sku", "units"), ("shown_kind", "at"), "belongs_to", "order_id")
    readonly_fields = ("shown_kind", "belongs_to")

    @label(description="kind", ordering="kind", colours=MOVEMENT_COLOURS)
    def shown_kind(self, movement: StockMovement) -> tuple[str, str]:
        """Why the units changed their place, as a coloured label."""
        return movement.kind, movement.get_kind_display()
