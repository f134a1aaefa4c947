"""Orders and catalog in the admin: to look at, not to change; what changes an order is its saga."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib import admin
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html

from orders.models import Order, OrderLine, Product
from orders.money import format_minor

if TYPE_CHECKING:
    # The theme has no types of its own; its classes are Django's with another face.
    _Function = TypeVar("_Function", bound=Callable[..., Any])
    LineInline = admin.TabularInline[OrderLine, Order]
    OrderModelAdmin = admin.ModelAdmin[Order]
    ProductModelAdmin = admin.ModelAdmin[Product]
    LineModelAdmin = admin.ModelAdmin[OrderLine]

    def display(
        *, description: str, ordering: str = "", label: dict[str, str] | None = None
    ) -> Callable[[_Function], _Function]:
        """Django's own, and `label`: colours by value."""

else:
    from unfold.admin import ModelAdmin, TabularInline
    from unfold.decorators import display

    LineInline = TabularInline
    OrderModelAdmin = ProductModelAdmin = LineModelAdmin = ModelAdmin


class _ReadOnly:
    """Nobody adds, changes or deletes by hand: it would part the order from its saga."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class OrderLineInline(_ReadOnly, LineInline):
    """Lines below their order."""

    model = OrderLine
    extra = 0
    fields = ("position", "sku", "name", "quantity", "unit_price_minor", "line_total_minor")


@admin.register(Order)
class OrderAdmin(_ReadOnly, OrderModelAdmin):
    """Orders, newest first, each with a link to its saga."""

    list_display = ("reference", "customer_name", "email", "shown_status", "total", "placed_at", "saga_link")
    list_filter = ("status", "currency", "product_line", "placed_at")
    search_fields = ("reference", "email", "customer_name", "=id")
    search_help_text = "Order number, e-mail, customer or id"
    date_hierarchy = "placed_at"
    exclude = ("card",)
    readonly_fields = ("saga_link",)
    inlines = (OrderLineInline,)

    @display(
        description="status",
        ordering="status",
        label={
            "placed": "info",
            "confirmed": "info",
            "backordered": "warning",
            "shipped": "success",
            "withdrawn": "warning",
            "cancelled": "danger",
        },
    )
    def shown_status(self, order: Order) -> tuple[str, str]:
        """The status as a coloured label."""
        return order.status, order.get_status_display()

    @display(description="total", ordering="total_minor")
    def total(self, order: Order) -> str:
        """The total as money."""
        return format_minor(order.total_minor, order.currency)

    @display(description="saga")
    def saga_link(self, order: Order) -> str:
        """Where its saga can be seen."""
        try:
            sagas = reverse("admin:orchestration_saga_changelist")
        except NoReverseMatch:
            return "-"
        return format_html('<a href="{}?q={}">Saga</a>', sagas, order.id)


@admin.register(Product)
class ProductAdmin(_ReadOnly, ProductModelAdmin):
    """The catalog; it changes by `import_catalog`."""

    list_display = ("sku", "name", "category", "quantity_per_unit", "price", "discontinued")
    list_filter = ("category", "discontinued", "currency")
    search_fields = ("sku", "name")

    @display(description="price", ordering="price_minor")
    def price(self, product: Product) -> str:
        """The price as money."""
        return format_minor(product.price_minor, product.currency)


@admin.register(OrderLine)
class OrderLineAdmin(_ReadOnly, LineModelAdmin):
    """All lines, to find who ordered a product."""

    list_display = ("order", "position", "sku", "name", "quantity", "line_total_minor")
    list_select_related = ("order",)
    search_fields = ("sku", "name", "order__reference", "order__email")
