"""Who the customer is: a browser, known by a random name in its session. There are no accounts.

An order's page belongs to the browser that placed it and to staff who may view orders; to anybody else it does not exist.
"""

from __future__ import annotations

import uuid

from django.http import Http404, HttpRequest

from orders.models import Order

SESSION_KEY = "customer"


def known_customer(request: HttpRequest) -> str | None:
    """The customer of this browser as `browser:<uuid>`, or None when it has not needed a name yet."""
    name = request.session.get(SESSION_KEY)
    try:
        return f"browser:{uuid.UUID(name)}" if isinstance(name, str) else None
    except ValueError:
        return None


def customer_of(request: HttpRequest) -> str:
    """The customer of this browser as `browser:<uuid>`; made and kept in the session on first need.

    It is the principal of what the browser does, and `placed_by` of its orders.
    """
    known = known_customer(request)
    if known is None:
        # 122 random bits: nobody comes upon another browser's orders by guessing.
        name = uuid.uuid4()
        request.session[SESSION_KEY] = str(name)
        known = f"browser:{name}"
    return known


def my_order_or_404(request: HttpRequest, order_id: uuid.UUID) -> Order:
    """The order, when this browser may see it.

    Raises:
        Http404: no such order, or another's; the two cannot be told apart.
    """
    order = Order.objects.filter(pk=order_id).first()
    if order is not None and may_see(request, order):
        return order
    raise Http404("There is no such order here.")


def may_see(request: HttpRequest, order: Order) -> bool:
    """Whether this browser placed the order, or is signed in with the permission to view orders."""
    customer = known_customer(request)
    if customer is not None and order.placed_by == customer:
        return True
    return request.user.has_perm("orders.view_order")
