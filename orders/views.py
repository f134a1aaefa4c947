"""Pages for customers."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from orders.models import Product


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """What this is, and where to go."""
    return render(
        request, "orders/index.html", {"products": Product.objects.filter(discontinued=False).count()}
    )
