"""Orders, each with its lines and with links to all that belongs to it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join

from orchestration.admin.beside import links
from orchestration.admin.read_only import ReadOnlyPage, ReadOnlyRows
from orchestration.admin.theme import label
from orchestration.money import format_minor
from orchestration.services import find_saga, what_fits
from orders.admin.colours import STATUS
from orders.admin.line_money import LineMoney
from orders.admin.search import HELP, orders_called
from orders.models import Order, OrderLine
from orders.sagas import FULFIL_ORDER
from orders.status import FINAL, OrderStatus

_OPEN = [status.value for status in OrderStatus if status not in FINAL]


class EndingFilter(SimpleListFilter):
    """By whether something may still change."""

    title = "ending"
    parameter_name = "ending"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "in hand"), ("final", "shipped or cancelled")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "open":
                return queryset.filter(status__in=_OPEN)
            case "final":
                return queryset.exclude(status__in=_OPEN)
            case _:
                return queryset


class LineRows(LineMoney, ReadOnlyRows):
    """Lines below their order."""

    model = OrderLine
    verbose_name_plural = "lines"
    fields = ("position", "sku", "name", "quantity", "unit_price", "line_total")
    readonly_fields = ("unit_price", "line_total")


@admin.register(Order)
class OrderAdmin(ReadOnlyPage):
    """Orders, newest first. The card is not shown: nobody needs the token to help a customer."""

    instead = (
        "An order changes only through its saga; the page of an order says what stops it. A waiting one goes on by a restock "
        "(Warehouse, Stock)."
    )
    list_display = ("reference", "shown_status", "customer_name", "email", "total", "placed_at", "saga_link")
    list_filter: ClassVar[Any] = ("status", EndingFilter, "placed_at")
    search_fields = ("reference",)  # the search itself is in orders.admin.search
    search_help_text = HELP
    inlines = (LineRows,)
    fieldsets: ClassVar[Any] = (
        (
            None,
            {
                "fields": (
                    ("reference", "shown_status"),
                    ("total", "cancel_reason"),
                    ("placed_at", "required_by"),
                    "carrier",
                )
            },
        ),
        ("Customer", {"fields": (("customer_name", "email"), ("contact", "customer_code"), "address")}),
        ("Identity", {"fields": ("id", "placed_by", "product_line", "content_hash")}),
    )
    readonly_fields = (
        *("shown_status", "total", "address", "contact", "customer_code"),
        *("id", "placed_at", "placed_by", "content_hash"),
    )

    def instead_of(self, row: Order) -> str:
        saga = find_saga(FULFIL_ORDER, str(row.pk))
        told = what_fits(saga) if saga is not None else "Its saga is gone, because it ended long ago."
        return f"An order changes only through its saga. {told}"

    @label(description="status", ordering="status", colours=STATUS)
    def shown_status(self, order: Order) -> tuple[str, str]:
        """The status as a coloured label."""
        return order.status, order.get_status_display()

    @admin.display(description="total", ordering="total_minor")
    def total(self, order: Order) -> str:
        """The total as money."""
        return format_minor(order.total_minor, order.currency)

    @admin.display(description="saga")
    def saga_link(self, order: Order) -> str:
        """Where its saga can be seen."""
        sagas = reverse("admin:orchestration_saga_changelist")
        return format_html('<a class="orchestration-link" href="{}?q={}">Saga</a>', sagas, order.id)

    @admin.display(description="ship to")
    def address(self, order: Order) -> str:
        """The address as on a parcel."""
        to = order.ship_to
        city = " ".join(filter(None, (to.get("postal_code"), to.get("city"))))
        lines = (to.get("name"), to.get("line1"), to.get("line2"), city, to.get("region"), to.get("country"))
        return format_html_join("", "{}<br>", ((line,) for line in lines if line))

    @admin.display(description="contact")
    def contact(self, order: Order) -> str:
        """Whom to ask for."""
        return order.customer.get("contact") or "-"

    @admin.display(description="customer code")
    def customer_code(self, order: Order) -> str:
        """The client's own code of the customer."""
        return order.customer.get("code") or "-"

    def view_on_site(self, order: Any) -> str | None:
        """The page that the customer sees."""
        try:
            return reverse("orders:order", args=[order.pk])
        except NoReverseMatch:
            return None

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return orders_called(queryset, search_term), False

    def beside(self, row: Order) -> dict[str, Any]:
        own = reverse("admin:orders_order_change", args=[row.pk])
        return {"links": links(str(row.pk), but=own)}
