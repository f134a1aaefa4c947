"""All lines of all orders, to find who ordered a product."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.html import format_html

from orchestration.admin.read_only import FoundByTerm, ReadOnlyPage
from orders.admin.line_money import LineMoney
from orders.admin.search import orders_called
from orders.models import Order, OrderLine, Product

MOST_ORDERS = 200
"""Orders whose lines one search shows; the newest."""


@admin.register(OrderLine)
class OrderLineAdmin(FoundByTerm, LineMoney, ReadOnlyPage):
    """Lines, newest first."""

    instead = "A line is fixed when its order is placed."
    list_display = ("shown_order", "position", "sku", "name", "quantity", "line_total")
    list_display_links = ("position",)
    list_select_related = ("order",)
    search_fields = ("sku",)  # the search itself is below
    search_help_text = "SKU, order number, e-mail or customer"
    ordering = ("-id",)
    fields = (("shown_order", "position"), ("sku", "name"), ("quantity", "unit_price"), "line_total")
    readonly_fields = ("shown_order", "unit_price", "line_total")

    @admin.display(description="order")
    def shown_order(self, line: OrderLine) -> str:
        """The order, as a link."""
        address = reverse("admin:orders_order_change", args=[line.order_id])
        return format_html('<a class="orchestration-link" href="{}">{}</a>', address, line.order.reference)

    def found(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        """By SKU where the catalog has it, else by order."""
        skus = {term, term.upper()}
        if Product.objects.filter(sku__in=skus).exists():
            return rows.filter(sku__in=skus)
        found = orders_called(Order.objects.order_by("-placed_at", "-id"), term).values_list("id", flat=True)
        return rows.filter(order_id__in=list(found[:MOST_ORDERS]))
