"""The warehouse in the admin: to read only. Stock moves in steps, and by the command `restock`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin

from shipping.models import Reservation, ReservationLine, Shipment, Stock, StockMovement

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin, TabularInline

    StockModelAdmin = ModelAdmin[Stock]
    ReservationModelAdmin = ModelAdmin[Reservation]
    ShipmentModelAdmin = ModelAdmin[Shipment]
    MovementModelAdmin = ModelAdmin[StockMovement]
    LineInline = TabularInline[ReservationLine, Reservation]
else:
    from unfold.admin import ModelAdmin, TabularInline

    StockModelAdmin = ReservationModelAdmin = ShipmentModelAdmin = MovementModelAdmin = ModelAdmin
    LineInline = TabularInline


class ReadOnly:
    """Nobody adds, changes or deletes here."""

    def has_add_permission(self, request: Any, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: Any, obj: Any = None) -> bool:
        return False


class ReservationLineInline(ReadOnly, LineInline):
    """The lines of a reservation."""

    model = ReservationLine
    extra = 0


@admin.register(Stock)
class StockAdmin(ReadOnly, StockModelAdmin):
    """One row for each product."""

    list_display = ("sku", "on_hand", "reserved", "shipped", "initial", "restocked", "discontinued")
    list_filter = ("discontinued",)
    search_fields = ("sku",)


@admin.register(Reservation)
class ReservationAdmin(ReadOnly, ReservationModelAdmin):
    """One row for each order that wants stock."""

    list_display = ("order_id", "state", "created_at", "updated_at")
    list_filter = ("state",)
    search_fields = ("order_id", "lines__sku")
    inlines = (ReservationLineInline,)


@admin.register(Shipment)
class ShipmentAdmin(ReadOnly, ShipmentModelAdmin):
    """One row for each parcel."""

    list_display = ("order_id", "state", "carrier", "tracking", "labelled_at", "dispatched_at")
    list_filter = ("state", "carrier")
    search_fields = ("order_id", "label_id", "tracking")


@admin.register(StockMovement)
class StockMovementAdmin(ReadOnly, MovementModelAdmin):
    """The history of the stock."""

    list_display = ("at", "sku", "kind", "units", "order_id")
    list_filter = ("kind",)
    search_fields = ("sku", "order_id")
