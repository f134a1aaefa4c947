"""The checkout: who, where to, which card, and the button that places the order."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from orders.errors import InvalidOrder, KeyInUse
from orders.models import Order
from orders.services.idempotency import hash_request
from orders.storefront.basket_pricing import PricedBasket, price_basket
from orders.storefront.cards import cards
from orders.storefront.customer import customer_of, known_customer
from orders.storefront.forms import CheckoutForm
from orders.storefront.place_once import (
    Placed,
    TotalChanged,
    checkout_key,
    forget_checkout_key,
    is_key,
    place_once,
    placed_before,
)
from orders.storefront.session_basket import SessionBasket

EXAMPLE = {
    "name": "Ada Lovelace",
    "email": "ada@example.com",
    "line1": "12 St James Square",
    "postal_code": "SW1Y 4JH",
    "city": "London",
    "country": "UK",
}
"""For whoever only wants to see an order move; offered in the demo."""

_LOOK_AGAIN = (
    "Your basket or a price has changed since you opened this page. Check the summary, then place the order."
)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@sensitive_post_parameters()
def checkout(request: HttpRequest) -> HttpResponse:
    """Show the form, or place the order and lead to its page. One checkout key gives one order at most."""
    priced = price_basket(SessionBasket(request))
    if not priced.lines and request.session.session_key is None:
        # Whoever has never put anything into a basket gets no session for asking, as robots do all day.
        return redirect("orders:basket")
    if request.method == "POST":
        return _place(request, priced)
    key = checkout_key(request) if priced.lines else ""
    done = placed_before(customer=customer_of(request), key=key) if key else None
    if done is not None:
        # The answer to an earlier click got lost, and with it the emptied basket.
        if done.fingerprint == priced.fingerprint:
            return _lead_to(request, done, priced, key=key)
        forget_checkout_key(request)
    if not priced.can_be_ordered:
        return _back_to_basket(request, priced)
    return _page(request, CheckoutForm(cards=cards(), priced=priced, initial=_initial(request)))


def _place(request: HttpRequest, priced: PricedBasket) -> HttpResponse:
    customer, key = customer_of(request), request.POST.get("checkout_key", "")
    request_hash = hash_request(method="POST", path=request.path, content=_content(request))
    if is_key(key):
        done = placed_before(customer=customer, key=key, request_hash=request_hash)
        if done is not None:
            return _lead_to(request, done, priced, key=key)
    if not priced.can_be_ordered:
        return _back_to_basket(request, priced)
    form = CheckoutForm(request.POST, cards=cards(), priced=priced)
    if not form.is_valid() or form.order is None:
        return _page(request, form)
    # Only the session's own key: of two tabs opened at once, one has a key that another order could come of.
    if key != checkout_key(request) or request.POST.get("seen") != priced.fingerprint:
        form.add_error(None, _LOOK_AGAIN)
        return _page(request, form)
    try:
        placed = place_once(
            customer=customer,
            key=key,
            request_hash=request_hash,
            order=form.order,
            total_minor=priced.total_minor,
            fingerprint=priced.fingerprint,
        )
    except InvalidOrder as error:
        form.show(error.problems)
    except TotalChanged:
        form = CheckoutForm(request.POST, cards=cards(), priced=price_basket(SessionBasket(request)))
        form.add_error(None, _LOOK_AGAIN)
    except KeyInUse:
        messages.warning(
            request, "Your order is being placed at this moment. Reload this page to see it here."
        )
        return redirect("orders:my-orders")
    else:
        return _lead_to(request, placed, priced, key=key)
    return _page(request, form)


def _lead_to(request: HttpRequest, placed: Placed, priced: PricedBasket, *, key: str) -> HttpResponse:
    """To the order's page; the basket it came from is emptied, one filled since, even with the same, is kept."""
    if checkout_key(request) == key:
        forget_checkout_key(request)
        if placed.fingerprint == priced.fingerprint:
            SessionBasket(request).clear()
    if not placed.is_same_request:
        messages.info(request, "You had placed this order already, so nothing was ordered a second time.")
    return redirect(placed.location)


def _back_to_basket(request: HttpRequest, priced: PricedBasket) -> HttpResponse:
    if priced.lines:
        messages.error(request, "Your basket cannot be ordered as it is. What is in the way stands below.")
    else:
        messages.info(request, "Your basket is empty. Put something into it, then check out.")
    return redirect("orders:basket")


def _page(request: HttpRequest, form: CheckoutForm) -> HttpResponse:
    return render(
        request,
        "storefront/checkout.html",
        {
            "form": form,
            "priced": form.priced,
            "checkout_key": checkout_key(request),
            "can_fill_example": settings.ORDERLY_DEMO and not form.is_bound,
        },
    )


def _initial(request: HttpRequest) -> dict[str, Any]:
    """What this browser's latest order was placed with, so that nobody types an address twice."""
    if settings.ORDERLY_DEMO and "example" in request.GET:
        return dict(EXAMPLE)
    customer = known_customer(request)
    latest = Order.objects.filter(placed_by=customer).first() if customer is not None else None
    if latest is None:
        return {}
    address = {field: latest.ship_to.get(field) or "" for field in EXAMPLE if field not in ("name", "email")}
    return {
        **address,
        "region": latest.ship_to.get("region") or "",
        "name": latest.customer_name,
        "email": latest.email,
    }


def _content(request: HttpRequest) -> dict[str, str]:
    """What identifies this request: everything typed, and the basket it was typed for."""
    ours = ("csrfmiddlewaretoken", "checkout_key")
    return {
        name: value for name, value in request.POST.items() if name not in ours and isinstance(value, str)
    }
