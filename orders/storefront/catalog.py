"""The catalog and the page of one product."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from orders.models import Product
from orders.storefront.search import categories, clean_query, find_products
from orders.storefront.session_basket import SessionBasket
from orders.storefront.stock_hints import stock_hints

PAGE_SIZE = 48


@require_safe
@cache_control(private=True)
def show_catalog(request: HttpRequest) -> HttpResponse:
    """All products, or those found by `q` and `category`, in pages of 48."""
    query = clean_query(request.GET.get("q", ""))
    category = clean_query(request.GET.get("category", ""))
    page = Paginator(find_products(query=query, category=category), PAGE_SIZE).get_page(
        request.GET.get("page")
    )
    hints = stock_hints(page.object_list)
    basket = SessionBasket(request)
    return render(
        request,
        "storefront/catalog.html",
        {
            "query": query,
            "category": category,
            "categories": categories(),
            "page": page,
            "cards": [
                (product, hints[product.sku], basket.quantity_of(product.sku)) for product in page.object_list
            ],
            "here": request.get_full_path(),
        },
    )


@require_safe
@cache_control(private=True)
def show_product(request: HttpRequest, sku: str) -> HttpResponse:
    """One product, with a form to put it into the basket."""
    return product_page(request, product_or_404(sku))


def product_or_404(sku: str) -> Product:
    """The product.

    Raises:
        Http404: there is none with this SKU.
    """
    # PostgreSQL refuses text with a NUL in it, even to compare with.
    product = Product.objects.filter(sku=sku).first() if "\0" not in sku else None
    if product is None:
        raise Http404("There is no such product.")
    return product


def product_page(
    request: HttpRequest, product: Product, *, typed: str = "1", problem: str = ""
) -> HttpResponse:
    """The page of a product; with `problem`, what is wrong with the quantity typed."""
    return render(
        request,
        "storefront/product.html",
        {
            "product": product,
            "hint": stock_hints([product])[product.sku],
            "in_basket": SessionBasket(request).quantity_of(product.sku),
            "typed": typed,
            "problem": problem,
        },
    )
