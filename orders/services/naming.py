"""What products are called, for apps that know only their numbers."""

from __future__ import annotations

from collections.abc import Iterable

from orders.models import Product


def product_names(skus: Iterable[str]) -> dict[str, str]:
    """Names by SKU; a product that the catalog does not have is left out. One query."""
    return dict(Product.objects.filter(sku__in=set(skus)).values_list("sku", "name"))
