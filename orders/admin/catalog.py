"""The catalog."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest

from orchestration.admin.read_only import ReadOnlyPage
from orchestration.admin.theme import label
from orchestration.command_line import manage
from orchestration.money import format_minor
from orders.models import Product


class DiscontinuedFilter(SimpleListFilter):
    """By whether it is still made."""

    title = "still made"
    parameter_name = "made"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "yes"), ("no", "no longer")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(discontinued=self.value() == "no") if self.value() else queryset


@admin.register(Product)
class ProductAdmin(ReadOnlyPage):
    """Products by SKU."""

    instead = (
        f"The catalog changes by a command, for example {manage('import_catalog', 'orders/fixtures/northwind/catalog.json')}; "
        "units come in by a restock (Warehouse, Stock)."
    )
    list_display = ("sku", "name", "category", "quantity_per_unit", "price", "shown_state")
    list_filter = (DiscontinuedFilter, "category")
    search_fields = ("sku", "name", "category")
    fields = (("sku", "name"), ("category", "quantity_per_unit"), ("price", "shown_state"))
    readonly_fields = ("price", "shown_state")

    @admin.display(description="price", ordering="price_minor")
    def price(self, product: Product) -> str:
        """The price as money."""
        return format_minor(product.price_minor, product.currency)

    @label(description="state", ordering="discontinued", colours={"made": "success", "no longer": "plain"})
    def shown_state(self, product: Product) -> tuple[str, str]:
        """Whether it can be bought again."""
        return ("no longer", "discontinued") if product.discontinued else ("made", "on sale")
