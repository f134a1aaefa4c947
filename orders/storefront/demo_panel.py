"""What the demo corner adds to the page of an order: its buttons, links behind the scenes, and a worker's death."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from orders.models import Order
from orders.storefront.demo_worker import death_at
from orders.storefront.order_progress import Progress
from orders.timeline import words_of


def is_open() -> bool:
    """Whether there is a demo corner (setting `ORDERLY_DEMO`)."""
    return bool(getattr(settings, "ORDERLY_DEMO", False))


def context(request: HttpRequest, order: Order, progress: Progress) -> dict[str, Any]:
    """For the templates of the order page; nothing where the demo corner is closed."""
    if not is_open():
        return {}
    death = death_at(request, order.id)
    return {
        "behind": {
            "order": _address("admin:orders_order_change", order.pk),
            "saga": _address("admin:orchestration_saga_change", progress.saga_id) if progress.saga_id else "",
            "flower": getattr(settings, "ORDERLY_FLOWER_URL", ""),
        },
        "death": death,
        "death_words": words_of(death.step).under_way if death is not None else "",
        "was_rescued": death is not None and death.step in progress.steps_done,
    }


def _address(name: str, key: object) -> str:
    # The admin is the project's to mount; without it the page only lacks a link.
    try:
        return reverse(name, args=[key])
    except NoReverseMatch:
        return ""
