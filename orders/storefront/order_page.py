"""The page of one order: its story, live, and what the customer may still do about it.

Every view answers 404 to whoever may not see the order, exactly as for an order that does not exist.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from orders.errors import CancelRefused
from orders.models import Order
from orders.services.cancelling import cancel_order
from orders.storefront import demo_panel
from orders.storefront.cards import cards
from orders.storefront.customer import known_customer, my_order_or_404
from orders.storefront.order_progress import Pace, Progress, read_progress
from orders.storefront.posting import takes_form

LOOK_AGAIN = {Pace.MOVING: "1s", Pace.RESTING: "3s"}
"""How long the page waits before it asks again. An order that has ended is not asked about."""

STOP_POLLING = 286
"""htmx takes this status as: shown, and do not ask again."""


@require_safe
@never_cache
def show_order(request: HttpRequest, order_id: UUID) -> HttpResponse:
    """The whole page. Never kept by a cache."""
    order = my_order_or_404(request, order_id)
    progress = read_progress(order, candid=demo_panel.is_open())
    context = {
        **_live(request, order, progress),
        "lines": list(order.lines.all()),
        "card": _card_sentence(order),
    }
    return render(request, "storefront/order.html", context)


@require_safe
@never_cache
def show_progress(request: HttpRequest, order_id: UUID) -> HttpResponse:
    """The live part of the page: 204 while it is as `seen`, and what changed otherwise. At most five queries."""
    order = my_order_or_404(request, order_id)
    progress = read_progress(order, candid=demo_panel.is_open())
    context = _live(request, order, progress)
    seen = (request.GET.get("seen"), request.GET.get("choices"))
    if progress.pace is not Pace.ENDED and seen == (progress.mark, progress.choices_mark):
        return HttpResponse(status=204)
    # What the customer may do is only replaced when it changes: an opened "Cancel" must not close under the pointer.
    context["choices_changed"] = request.GET.get("choices") != progress.choices_mark
    status = STOP_POLLING if progress.pace is Pace.ENDED else 200
    return render(request, "storefront/_order_update.html", context, status=status)


@takes_form("orders:order", "order_id")
@never_cache
def cancel(request: HttpRequest, order_id: UUID) -> HttpResponse:
    """Ask for the order to be cancelled, then lead back to its page, which tells what becomes of it."""
    order = my_order_or_404(request, order_id)
    asker = _asker(request, order)
    if asker is None:
        raise Http404("There is no such order here.")
    try:
        cancelled = cancel_order(order_id=order.id, by=asker, reason="asked for on the order's page")
    except CancelRefused as refused:
        messages.error(request, read_progress(order).why_not_cancel or str(refused))
    else:
        # The page goes on below these words: they say nothing that is no longer so when the order is cancelled.
        said = (
            "is cancelled" if cancelled.is_settled else "will not be sent: your cancellation has reached us"
        )
        messages.success(request, f"Order {order.reference} {said}.")
    return redirect("orders:order", order_id=order.id)


def _live(request: HttpRequest, order: Order, progress: Progress) -> dict[str, Any]:
    return {
        "order": order,
        "progress": progress,
        "look_again": LOOK_AGAIN.get(progress.pace, ""),
        "may_ask": progress.may_cancel and _asker(request, order) is not None,
        **demo_panel.context(request, order, progress),
    }


def _asker(request: HttpRequest, order: Order) -> str | None:
    """Who asks, for the saga's history; None for a person who may look at orders and not change them."""
    customer = known_customer(request)
    if customer is not None and order.placed_by == customer:
        return customer
    if not request.user.has_perm("orders.change_order"):
        return None
    return f"staff:{request.user.get_username()}"[:100]


def _card_sentence(order: Order) -> str:
    """How the test card behaves, in a sentence; empty for any other card. Never the token."""
    return next((card.sentence for card in cards() if card.name == order.card), "")
