"""Finding products by words and category."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from orders.models import Product

LONGEST_QUERY = 100
MOST_WORDS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A category with the number of its products."""

    name: str
    products: int


def clean_query(typed: str) -> str:
    """What was typed, shortened, and without the characters that PostgreSQL cannot store."""
    kept = "".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in typed[:LONGEST_QUERY])
    return " ".join(kept.split())


def find_products(*, query: str, category: str) -> QuerySet[Product]:
    """Products in which every word of the query occurs in name, category or SKU; by name, discontinued ones last.

    Case does not count. An empty query or category does not restrict. `%` and `_` are ordinary characters.
    """
    found = Product.objects.all()
    if category:
        found = found.filter(category=category)
    for word in query.split()[:MOST_WORDS]:
        found = found.filter(Q(name__icontains=word) | Q(category__icontains=word) | Q(sku__icontains=word))
    return found.order_by("discontinued", "name", "sku")


def categories() -> list[Category]:
    """All categories that have a name, alphabetically."""
    counted = (
        Product.objects.exclude(category="")
        .values_list("category")
        .annotate(products=Count("pk"))
        .order_by("category")
    )
    return [Category(name=name, products=products) for name, products in counted]
