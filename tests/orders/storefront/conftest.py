"""A stocked shop and a browser in it."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client
from django.utils.module_loading import import_string

from orders.models import Product
from shipping.contracts import StockLevel
from tests.orders.storefront.browsing import Browser

SHELF = [
    # SKU, name, category, price, free units, discontinued
    ("NW-01", "Chai", "Beverages", 1800, 39, False),
    ("NW-05", "Gumbo Mix", "Condiments", 2135, 0, True),
    ("NW-11", "Queso Cabrales", "Dairy Products", 2100, 3, False),
    ("NW-31", "Gorgonzola", "Dairy Products", 1250, 0, False),
    ("NW-42", "Fried Mee", "Grains/Cereals", 1400, 26, True),
]


@pytest.fixture
def shelf(db: None) -> None:
    """Five products: plenty, sold out for good, few, none at the moment, the last ones."""
    Product.objects.bulk_create(
        Product(sku=sku, name=name, category=category, price_minor=price, currency="USD", discontinued=gone)
        for sku, name, category, price, _, gone in SHELF
    )
    import_string(settings.ORDERLY_STOCK_INTAKE)(
        [StockLevel(sku=sku, units=units, discontinued=gone) for sku, _, _, _, units, gone in SHELF]
    )


@pytest.fixture
def browser(client: Client, shelf: None) -> Browser:
    """A browser that has not been here before."""
    return Browser(client)
