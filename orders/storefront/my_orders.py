"""The orders of this browser, newest first."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from orders.models import Order
from orders.storefront.customer import known_customer

PAGE_SIZE = 20


@require_safe
@never_cache
def show_my_orders(request: HttpRequest) -> HttpResponse:
    """A page of this browser's orders with their products; nobody else's."""
    customer = known_customer(request)
    mine = Order.objects.filter(placed_by=customer) if customer is not None else Order.objects.none()
    page = Paginator(mine.order_by("-placed_at", "-id").prefetch_related("lines"), PAGE_SIZE).get_page(
        request.GET.get("page")
    )
    rows = [{"order": order, "lines": list(order.lines.all())} for order in page.object_list]
    return render(request, "storefront/my_orders.html", {"page": page, "rows": rows})
