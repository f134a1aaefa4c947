"""The basket page, and putting into and taking out of the basket. Every change answers with a redirect."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from orders.models import Product
from orders.models.order import MOST_PER_LINE
from orders.storefront.basket_pricing import price_basket
from orders.storefront.catalog import product_page
from orders.storefront.posting import takes_form
from orders.storefront.quantities import BadQuantity, read_quantity
from orders.storefront.session_basket import BasketFull, SessionBasket
from orders.storefront.stock_hints import stock_hints


@require_safe
@never_cache
def show_basket(request: HttpRequest) -> HttpResponse:
    """What is in the basket, at today's prices."""
    return _basket_page(request)


@takes_form("orders:basket")
@never_cache
def add_to_basket(request: HttpRequest) -> HttpResponse:
    """Add `quantity` of `sku`; then to `next`, or to the basket. A wrong quantity is shown beside its field."""
    product = _product(request)
    if product is None:
        messages.error(request, "That product is not in our catalog. Please choose another one.")
        return redirect("orders:catalog")
    typed = request.POST.get("quantity", "1")
    basket = SessionBasket(request)
    try:
        quantity = read_quantity(typed)
        _check_room(product, wanted=quantity, already=basket.quantity_of(product.sku))
        basket.put(
            sku=product.sku,
            quantity=basket.quantity_of(product.sku) + quantity,
            price_minor=product.price_minor,
        )
    except (BadQuantity, BasketFull) as error:
        return product_page(request, product, typed=typed, problem=str(error))
    messages.success(request, f"{quantity:,} × {product.name} added to your basket.")
    # Not by `redirect`, which takes an address such as `?q=chai` for the name of a view.
    return HttpResponseRedirect(_next(request) or reverse("orders:basket"))


@takes_form("orders:basket")
@never_cache
def change_basket(request: HttpRequest) -> HttpResponse:
    """Set the `quantity` of `sku`; 0, or the button `remove`, takes it out. A wrong one is shown beside its field."""
    sku = request.POST.get("sku", "")
    basket = SessionBasket(request)
    if not basket.quantity_of(sku):
        messages.info(request, "That product is no longer in your basket; another tab may have removed it.")
        return redirect("orders:basket")
    product = _product(request)
    name = product.name if product is not None else sku
    typed = request.POST.get("quantity", "")
    if "remove" in request.POST or product is None:
        quantity = 0
    else:
        try:
            quantity = read_quantity(typed, least=0)
            if quantity:
                _check_room(product, wanted=quantity, already=0)
        except BadQuantity as error:
            return _basket_page(request, wrong_sku=sku, typed=typed, problem=str(error))
    if product is None or not quantity:
        basket.remove(sku)
        messages.success(request, f"{name} removed from your basket.")
        stays_at = "main"
    else:
        basket.put(sku=sku, quantity=quantity, price_minor=product.price_minor)
        messages.success(request, f"{name}: now {quantity:,}.")
        stays_at = f"update-{product.pk}"
    # A browser gives the element that an address names the focus: who works by keyboard goes on where they were.
    return HttpResponseRedirect(f"{reverse('orders:basket')}#{stays_at}")


def _basket_page(
    request: HttpRequest, *, wrong_sku: str = "", typed: str = "", problem: str = ""
) -> HttpResponse:
    priced = price_basket(SessionBasket(request))
    return render(
        request,
        "storefront/basket.html",
        {"priced": priced, "wrong_sku": wrong_sku, "typed": typed, "problem": problem},
    )


def _product(request: HttpRequest) -> Product | None:
    sku = request.POST.get("sku", "")
    return Product.objects.filter(sku=sku).first() if "\0" not in sku else None


def _check_room(product: Product, *, wanted: int, already: int) -> None:
    """Refuse what could only be cancelled, or could not be ordered at all."""
    together = wanted + already
    beside = f" You have {already:,} in your basket already." if already else ""
    if together > MOST_PER_LINE:
        raise BadQuantity(f"An order may hold {MOST_PER_LINE:,} of one product.{beside}")
    most = stock_hints([product])[product.sku].most
    if most is not None and together > most:
        if not most:
            raise BadQuantity("Sold out, and no more are made: an order for it would be cancelled.")
        raise BadQuantity(f"Only {most:,} left, and no more are made: take {most:,} or fewer.{beside}")


def _next(request: HttpRequest) -> str:
    """Where the form wants to go on, if that is a page of ours."""
    address = request.POST.get("next", "")
    ours = url_has_allowed_host_and_scheme(
        address, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return address if ours else ""
