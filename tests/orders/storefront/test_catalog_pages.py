"""The catalog, its search, and the page of a product."""

from __future__ import annotations

import html
import re

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.module_loading import import_string

from orders.models import Product
from orders.storefront.stock_hints import stock_hint
from shipping.contracts import StockLevel
from tests.orders.storefront.browsing import Browser


def names_on(page: str) -> list[str]:
    """The products a page of the catalog shows, in order."""
    return re.findall(r'class="product-name"><a href="[^"]*">([^<]*)<', page)


def listed(browser: Browser, address: str) -> list[str]:
    return names_on(browser.client.get(address).content.decode())


def test_all_products_are_shown_by_name_and_discontinued_ones_last(browser: Browser) -> None:
    assert listed(browser, "/") == ["Chai", "Gorgonzola", "Queso Cabrales", "Fried Mee", "Gumbo Mix"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=cha", ["Chai"]),
        ("q=QUESO+cabra", ["Queso Cabrales"]),
        ("q=nw-31", ["Gorgonzola"]),
        ("q=dairy", ["Gorgonzola", "Queso Cabrales"]),
        ("q=dairy+31", ["Gorgonzola"]),
        ("category=Dairy+Products", ["Gorgonzola", "Queso Cabrales"]),
        ("category=Beverages&q=queso", []),
        ("category=Nowhere", []),
        ("q=%25", []),
        ("q=_", []),
        ("q=%ff%fe", []),
        ("q=+++", ["Chai", "Gorgonzola", "Queso Cabrales", "Fried Mee", "Gumbo Mix"]),
        ("q=" + "x" * 5000, []),
        ("page=nonsense&q=chai", ["Chai"]),
        ("page=-7&q=chai", ["Chai"]),
        ("page=99999999999999999999&q=chai", ["Chai"]),
    ],
)
def test_search(browser: Browser, query: str, found: list[str]) -> None:
    assert listed(browser, f"/?{query}") == found


def test_what_was_searched_for_is_shown_as_text_and_kept_in_the_field(browser: Browser) -> None:
    page = browser.client.get("/", {"q": '<script>alert("x")</script>'}).content.decode()

    assert "<script>alert" not in page
    assert 'value="&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;"' in page
    assert "Nothing found" in page
    assert "Show all products" in page


def test_an_empty_catalog_says_how_to_fill_it(client: Client, db: None) -> None:
    assert "manage.py import_catalog" in client.get("/").content.decode()


def test_pages_hold_48_products_and_keep_the_search(browser: Browser) -> None:
    Product.objects.bulk_create(
        Product(sku=f"T-{n}", name=f"Tin {n:03}", category="Tins", price_minor=100, currency="USD")
        for n in range(60)
    )
    first = browser.client.get("/?q=tin").content.decode()
    second = listed(browser, "/?q=tin&page=2")

    assert len(names_on(first)) == 48
    assert second == [f"Tin {n:03}" for n in range(48, 60)]
    assert 'href="?q=tin&amp;page=2"' in first


@pytest.mark.parametrize(
    ("free", "discontinued", "said", "orderable"),
    [
        (6, False, "In stock", True),
        (5, False, "Only 5 left", True),
        (1, False, "Only 1 left", True),
        (0, False, "Out of stock", True),
        (6, True, "Last 6, no longer made", True),
        (0, True, "No longer made", False),
        (None, False, "Ask for it", True),
    ],
)
def test_stock_hints(free: int | None, discontinued: bool, said: str, orderable: bool) -> None:
    hint = stock_hint(free=free, discontinued=discontinued)
    assert (hint.words, hint.is_orderable) == (said, orderable)


@pytest.mark.parametrize(
    ("sku", "said"),
    [
        ("NW-01", "In stock"),
        ("NW-11", "Only 3 left"),
        ("NW-31", "your order waits for the next delivery, and we tell you when it ships"),
        ("NW-42", "No more are made. What is left is all there is."),
        ("NW-05", "an order for it could only be cancelled"),
    ],
)
def test_a_product_says_how_it_stands(browser: Browser, sku: str, said: str) -> None:
    page = browser.read(f"/products/{sku}/")
    assert said in page
    assert ("Add to basket" in page) is (sku != "NW-05")


@pytest.mark.parametrize("sku", ["NW-99", "a/b", "..%2f", "x" * 300, "%F0%9F%8D%95"])
def test_an_unknown_product_is_not_found(browser: Browser, sku: str) -> None:
    assert browser.client.get(f"/products/{sku}/").status_code == 404


def test_a_sku_may_hold_a_slash_and_other_signs(browser: Browser) -> None:
    Product.objects.create(sku="A/B ?&#ü", name="Odd & <b>bold</b>", price_minor=1, currency="USD")
    page = browser.client.get("/?q=odd").content.decode()
    address = re.search(r'href="(/products/[^"]*)">Odd &amp; &lt;b&gt;', page)

    assert address is not None
    assert "Odd & <b>bold</b>" in browser.read(html.unescape(address[1]))


@pytest.mark.parametrize("address", ["/", "/?q=t&category=Tins", "/products/NW-01/"])
def test_the_number_of_queries_does_not_grow_with_the_catalog(browser: Browser, address: str) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            browser.read(address)
        return len(captured)

    stock_tins(range(3))
    few = queries()
    stock_tins(range(3, 300))
    assert queries() == few <= 5


def stock_tins(numbers: range) -> None:
    names = [f"T-{n}" for n in numbers]
    Product.objects.bulk_create(
        Product(sku=name, name=name, category="Tins", price_minor=100, currency="USD") for name in names
    )
    import_string(settings.ORDERLY_STOCK_INTAKE)(
        [StockLevel(sku=name, units=7, discontinued=False) for name in names]
    )
