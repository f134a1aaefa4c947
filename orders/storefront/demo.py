"""The demo corner: each ending of an order one click away, a restock, and a worker's death.

Every address of it answers 404 unless `ORDERLY_DEMO` is set. Its orders are real and belong to the browser that pressed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from orders.errors import InvalidOrder
from orders.models import Order
from orders.status import FINAL
from orders.storefront import demo_panel
from orders.storefront.customer import customer_of, known_customer
from orders.storefront.demo_orders import (
    ENDINGS,
    SLOW,
    Ending,
    NothingToOrder,
    place_demo_order,
    restock_for_demo,
)
from orders.storefront.demo_worker import KilledWorker, KillRefused, kill_worker_of, remember_death
from orders.storefront.posting import takes_form

View = Callable[..., HttpResponseBase]

_killing = threading.Lock()

SHOWN = 5
"""Orders listed in the demo corner."""


def _only_in_the_demo(view: View) -> View:
    @wraps(view)
    def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if not demo_panel.is_open():
            raise Http404("There is no demo corner here.")
        return view(request, *args, **kwargs)

    return guarded


@_only_in_the_demo
@require_safe
@never_cache
def show_demo(request: HttpRequest) -> HttpResponse:
    """The corner itself, with this browser's newest orders."""
    customer = known_customer(request)
    orders = (
        Order.objects.filter(placed_by=customer).order_by("-placed_at", "-id")[:SHOWN] if customer else []
    )
    return render(request, "storefront/demo.html", {"endings": ENDINGS, "slow": SLOW, "orders": orders})


@_only_in_the_demo
@takes_form("orders:demo")
def place(request: HttpRequest, ending: str) -> HttpResponse:
    """Place the canned order of an ending and lead to its page."""
    if ending not in ENDINGS:
        raise Http404("There is no such ending.")
    order = _place(request, ENDINGS[ending])
    return redirect("orders:order", order_id=order.id) if order is not None else redirect("orders:demo")


@_only_in_the_demo
@takes_form("orders:demo")
def restock(request: HttpRequest) -> HttpResponse:
    """A delivery for the warehouse: what waiting orders lack, and something for every empty shelf."""
    units, served = restock_for_demo()
    orders = "1 waiting order has" if served == 1 else f"{served} waiting orders have"
    messages.success(
        request,
        f"{units} unit{'s' * (units != 1)} came in; {orders} got their stock."
        if units
        else "Nothing was lacking.",
    )
    order = _named(request)
    return redirect("orders:order", order_id=order.id) if order is not None else redirect("orders:demo")


@_only_in_the_demo
@takes_form("orders:demo")
def kill_worker(request: HttpRequest) -> HttpResponse:
    """Kill the worker at a step of the named order while that is slow; else of a new one, placed with a slow card."""
    order = _named(request)
    if order is None or order.card != SLOW.card or order.status in FINAL:
        order = _place(request, SLOW)
    if order is None:
        return redirect("orders:demo")
    try:
        killed = _kill(request, order)
    except KillRefused as refused:
        messages.error(request, str(refused))
    else:
        remember_death(request, order.id, killed)
    return redirect("orders:order", order_id=order.id)


def _kill(request: HttpRequest, order: Order) -> KilledWorker:
    """Kill, one at a time: each may hold a web thread for seconds, and the shop needs the others."""
    if not _killing.acquire(blocking=False):
        raise KillRefused("A worker is being killed at this moment. Try again in a few seconds.")
    try:
        request.session.save()
        return kill_worker_of(order.id)
    finally:
        _killing.release()
        # What another tab has put into the basket meanwhile must not be written over.
        request.session = type(request.session)(request.session.session_key)


def _place(request: HttpRequest, ending: Ending) -> Order | None:
    try:
        return place_demo_order(ending, customer=customer_of(request))
    except (NothingToOrder, InvalidOrder) as error:
        messages.error(request, str(error))
        return None


def _named(request: HttpRequest) -> Order | None:
    """The order of this browser that a form names; None when it names none, or another's."""
    try:
        order_id = UUID(request.POST.get("order", ""))
    except ValueError:
        return None
    return Order.objects.filter(pk=order_id, placed_by=known_customer(request) or "nobody").first()
