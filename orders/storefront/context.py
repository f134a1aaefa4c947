"""What every page of the shop shows around its own content."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from orders.storefront.session_basket import SessionBasket


def shop(request: HttpRequest) -> dict[str, Any]:
    """For templates: `basket_count` (units), `demo` (is the demo corner open) and `behind_the_scenes` (admin, API docs, Flower).

    Settings: `ORDERLY_DEMO` (default: False) and `ORDERLY_FLOWER_URL` (default: none).
    """
    demo = bool(getattr(settings, "ORDERLY_DEMO", False))
    return {
        # A function, called by the pages that show it: others, the admin's for instance, need no session.
        "basket_count": lambda: SessionBasket(request).unit_count,
        "demo": demo,
        "behind_the_scenes": _links() if demo else {},
    }


def _links() -> dict[str, str]:
    links = {"admin": _address("admin:index"), "api_docs": _address("orders-api:openapi-view")}
    links["flower"] = getattr(settings, "ORDERLY_FLOWER_URL", "")
    return links


def _address(name: str) -> str:
    # The admin and the API are the project's to mount; without them the shop only lacks a link.
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
