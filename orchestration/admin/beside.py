"""What stands beside a saga and the engine knows nothing of: by business key, through callables that the project names."""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.module_loading import import_string
from django.utils.safestring import SafeString

from orchestration.conf import engine_settings
from orchestration.models import Saga

logger = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")

MOST_KEYS = 200
"""Business keys that one search is widened by."""


class Link(NamedTuple):
    """Where something can be seen."""

    label: str
    url: str


def business_keys(text: str) -> list[str]:
    """Business keys that a person means by `text`, such as those of the orders of an e-mail address.

    Asks `ORCHESTRATION["ADMIN_SEARCH"]`, a callable of the project; without it there are none.
    """
    return _asked("ADMIN_SEARCH", text, str)


def links(business_key: str, *, but: str = "") -> list[Link]:
    """Links to all that has this business key: its sagas, and what `ORCHESTRATION["ADMIN_LINKS"]` gives.

    Args:
        business_key: whose.
        but: an address that is left out: that of the page itself.
    """
    found = [
        Link(f"Saga {saga.definition}", address_of(saga))
        for saga in Saga.objects.filter(business_key=business_key).only("id", "definition").order_by("id")
    ]
    found += _asked("ADMIN_LINKS", business_key, lambda pair: Link(*map(str, pair)))
    return [link for link in found if link.url and link.url != but]


def link_to(saga: Saga) -> SafeString:
    """A link to a saga's page, under what people call it."""
    called = saga.reference or saga.business_key
    return format_html('<a class="orchestration-link" href="{}">{}</a>', address_of(saga), called)


def address_of(saga: Saga) -> str:
    """The admin's page of a saga; empty where the admin has none."""
    try:
        return reverse("admin:orchestration_saga_change", args=[saga.pk])
    except NoReverseMatch:
        return ""


def flower_task(task_id: str) -> str:
    """Flower's page of a task; empty where no Flower is known or the task has no id."""
    base = engine_settings().FLOWER_URL.rstrip("/")
    return f"{base}/task/{task_id}" if base and task_id else ""


def _asked(setting: str, argument: str, read: Callable[[Any], _Answer]) -> list[_Answer]:
    """What a callable of the project answers. A bug in it is logged, and keeps nobody from the page where an incident is looked into."""
    path = getattr(engine_settings(), setting)
    if not path:
        return []
    try:
        return [read(each) for each in islice(import_string(path)(argument) or (), MOST_KEYS)]
    except Exception:
        logger.exception("ORCHESTRATION[%r], %s, fails; the page does without it", setting, path)
        return []
