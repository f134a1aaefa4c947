"""The warehouse: stock by product, reservations by order, parcels, and every movement of stock.

The database keeps two promises on each stock row: nothing below zero, and
`on_hand + reserved + shipped = initial + restocked`, so stock can neither vanish nor be sold twice.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils import timezone


class Stock(models.Model):
    """One product in the warehouse."""

    sku = models.CharField(max_length=64, primary_key=True)
    on_hand = models.BigIntegerField()
    """Free units, for whoever comes next."""
    reserved = models.BigIntegerField(default=0)
    """Units held for orders that have not left yet."""
    shipped = models.BigIntegerField(default=0)
    initial = models.BigIntegerField()
    """Units when the product was taken in."""
    restocked = models.BigIntegerField(default=0)
    """Units that came later."""
    discontinued = models.BooleanField(default=False)
    """It is not bought again: what is short will stay short."""

    class Meta:
        ordering = ("sku",)
        verbose_name_plural = "stock"
        constraints = [
            models.CheckConstraint(
                name="stock_never_negative",
                condition=Q(
                    on_hand__gte=0, reserved__gte=0, shipped__gte=0, initial__gte=0, restocked__gte=0
                ),
            ),
            models.CheckConstraint(
                name="stock_conserved",
                condition=Q(on_hand=F("initial") + F("restocked") - F("reserved") - F("shipped")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sku}: {self.on_hand} on hand"


class ReservationState(models.TextChoices):
    """What the warehouse does for an order."""

    RESERVED = "reserved", "reserved"
    """Every line was held at once."""
    BACKORDERED = "backordered", "back-ordered"
    """Nothing is held; the order waits for a restock."""
    ALLOCATED = "allocated", "allocated"
    """Waited, and holds every line now."""
    RELEASED = "released", "released"
    """Nothing is held any more: the order was undone."""
    SHIPPED = "shipped", "shipped"
    """The units have left the house."""


HOLDING = (ReservationState.RESERVED, ReservationState.ALLOCATED)
"""States in which every line is counted in `Stock.reserved`."""


class Reservation(models.Model):
    """What an order wants of the warehouse. The order of `id` is the order of the waiting list."""

    order_id = models.UUIDField(unique=True)
    state = models.CharField(max_length=16, choices=ReservationState.choices)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("id",)
        constraints = [
            models.CheckConstraint(
                name="reservation_state_known", condition=Q(state__in=ReservationState.values)
            ),
        ]
        indexes = [
            models.Index(
                name="reservation_waiting", fields=("id",), condition=Q(state=ReservationState.BACKORDERED)
            ),
        ]

    def __str__(self) -> str:
        return f"reservation of order {self.order_id}: {self.state}"


class ReservationLine(models.Model):
    """So many units of one product for one order; a product stands in one line only."""

    reservation = models.ForeignKey(Reservation, on_delete=models.CASCADE, related_name="lines")
    sku = models.CharField(max_length=64, db_index=True)
    quantity = models.BigIntegerField()

    class Meta:
        ordering = ("sku",)
        constraints = [
            models.UniqueConstraint(name="reservation_line_unique_sku", fields=("reservation", "sku")),
            models.CheckConstraint(name="reservation_line_positive", condition=Q(quantity__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.sku}"


class MovementKind(models.TextChoices):
    """Why a number of units changed its place."""

    TAKEN_IN = "taken_in", "taken in"
    RESTOCKED = "restocked", "restocked"
    RESERVED = "reserved", "reserved"
    ALLOCATED = "allocated", "allocated"
    RELEASED = "released", "released"
    SHIPPED = "shipped", "shipped"


class StockMovement(models.Model):
    """One change of one stock row. Only ever added."""

    sku = models.CharField(max_length=64, db_index=True)
    kind = models.CharField(max_length=16, choices=MovementKind.choices)
    units = models.BigIntegerField()
    """Always above zero; the kind says from where to where."""
    order_id = models.UUIDField(null=True, blank=True, db_index=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-id",)
        constraints = [models.CheckConstraint(name="movement_positive", condition=Q(units__gt=0))]

    def __str__(self) -> str:
        return f"{self.sku}: {self.units} {self.kind}"


class ShipmentState(models.TextChoices):
    """Where the parcel is."""

    LABELLED = "labelled", "labelled"
    """The carrier has accepted it."""
    DISPATCHED = "dispatched", "dispatched"
    """The carrier has taken it along."""


class Shipment(models.Model):
    """The parcel of one order."""

    order_id = models.UUIDField(unique=True)
    label_id = models.CharField(max_length=64, unique=True)
    tracking = models.CharField(max_length=64)
    carrier = models.CharField(max_length=100)
    state = models.CharField(max_length=16, choices=ShipmentState.choices, default=ShipmentState.LABELLED)
    labelled_at = models.DateTimeField(default=timezone.now)
    dispatched_at = models.DateTimeField(null=True, blank=True)
    """When the carrier says that it left."""
    dispatch_event_id = models.CharField(max_length=255, null=True, blank=True, unique=True)
    """Id of the webhook that said so; NULL until then, because NULLs may repeat."""

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                name="shipment_state_fits_times",
                condition=Q(state=ShipmentState.LABELLED, dispatched_at=None, dispatch_event_id=None)
                | Q(
                    state=ShipmentState.DISPATCHED,
                    dispatched_at__isnull=False,
                    dispatch_event_id__isnull=False,
                ),
            ),
            # The driver cannot read back the first and last years that PostgreSQL can store.
            models.CheckConstraint(
                name="shipment_dispatched_at_readable",
                condition=Q(dispatched_at=None)
                | Q(dispatched_at__gte="2000-01-01T00:00Z", dispatched_at__lt="9999-01-01T00:00Z"),
            ),
        ]

    def __str__(self) -> str:
        return f"shipment of order {self.order_id}: {self.state}"
