"""The prices of an order's line as money, for the list of all lines and for the lines below their order."""

from __future__ import annotations

from django.contrib import admin

from orchestration.money import format_minor
from orders.models import OrderLine


class LineMoney:
    """Two columns."""

    @admin.display(description="unit price")
    def unit_price(self, line: OrderLine) -> str:
        """The price of one as money."""
        return format_minor(line.unit_price_minor, line.order.currency)

    @admin.display(description="line total")
    def line_total(self, line: OrderLine) -> str:
        """The price of all as money."""
        return format_minor(line.line_total_minor, line.order.currency)
