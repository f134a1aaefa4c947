"""For the shop's templates: money, the picture of a category, and the colour of a status."""

from __future__ import annotations

from django import template

from orchestration.money import format_minor
from orders.status import OrderStatus

register = template.Library()

_PICTURES = {
    "Beverages": "beverages",
    "Condiments": "condiments",
    "Confections": "confections",
    "Dairy Products": "dairy",
    "Grains/Cereals": "grains",
    "Meat/Poultry": "meat",
    "Produce": "produce",
    "Seafood": "seafood",
}
_TONES = {
    OrderStatus.SHIPPED.value: "good",
    OrderStatus.BACKORDERED.value: "warn",
    OrderStatus.WITHDRAWN.value: "warn",
    OrderStatus.CANCELLED.value: "bad",
}


@register.filter
def money(minor: int, currency: str) -> str:
    """An amount in minor units as `1,234.50 USD`: `{{ order.total_minor|money:order.currency }}`."""
    return format_minor(minor, currency)


@register.filter
def picture(category: str) -> str:
    """Id of a category's symbol in `categories.svg`, also the name of its colours; `other` for unknown ones."""
    return _PICTURES.get(category, "other")


@register.filter
def tone(status: str) -> str:
    """Colour of an order's status; `info` while nothing is decided."""
    return _TONES.get(status, "info")
