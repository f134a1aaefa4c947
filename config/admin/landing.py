"""The admin's first page: how much there is to do, with the way to it. Dashboards are a page of their own."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Q
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django_celery_results.models import TaskResult

from config.security.flower_access import PERMISSION as FLOWER
from orchestration.admin.filters import redated
from orchestration.admin.task_results import REFUSED
from orchestration.models import Incident, OutboxMessage, Saga
from orchestration.models.saga import LIVE
from orders.models import Order
from orders.status import FINAL, OrderStatus
from shipping.models import Reservation, ReservationState, Stock

MOST = 1_000
"""Failed tasks that are counted; who has more need not know how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One number and where it leads."""

    title: str
    number: int
    words: str
    url: str
    alarming: bool = False
    """Whether a number above zero wants a person."""


def landing(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add cards and links to the first page's context. Eight queries; each counts only what is not yet over."""
    may = request.user.has_perm
    cards = [
        *(_sagas() if may("orchestration.view_saga") else []),
        *(_orders() if may("orders.view_order") else []),
        *(_warehouse() if may("shipping.view_stock") else []),
        *(_tasks() if may("django_celery_results.view_taskresult") else []),
    ]
    context.update({"cards": cards, "links": _links(may(FLOWER))})
    return context


def _sagas() -> list[Card]:
    live = dict(Saga.objects.filter(state__in=LIVE).values_list("state").annotate(Count("id")).order_by())
    incidents = Incident.objects.filter(resolved_at=None).count()
    return [
        Card(
            title="Open incidents",
            number=incidents,
            words="wait for a person",
            url=_list("orchestration_incident", "resolved_at__isempty=1"),
            alarming=incidents > 0,
        ),
        Card(
            title="Sagas under way",
            number=live.get("accepted", 0) + live.get("running", 0),
            words=f"and {live.get('waiting', 0)} wait for an event",
            url=_list("orchestration_saga", "state__in=accepted,running,waiting"),
        ),
        Card(
            title="Being undone",
            number=live.get("compensating", 0) + live.get("undo_failed", 0),
            words=f"of these {live.get('undo_failed', 0)} cannot go on alone",
            url=_list("orchestration_saga", "state__in=compensating,undo_failed"),
            alarming=live.get("undo_failed", 0) > 0,
        ),
        *_redated(),
    ]


def _redated() -> list[Card]:
    """Only after the database's clock was wrong: how many sagas would have rested for as long."""
    number = redated().values("saga_id").distinct().count()
    if not number:
        return []
    return [
        Card(
            title="Times corrected",
            number=number,
            words="sagas of the last day: the database's clock was wrong",
            url=_list("orchestration_saga", "attention=redated"),
            alarming=True,
        )
    ]


def _orders() -> list[Card]:
    unfinished = [status.value for status in OrderStatus if status not in FINAL]
    found = Order.objects.filter(status__in=unfinished).aggregate(
        all=Count("id"), waiting=Count("id", filter=Q(status=OrderStatus.BACKORDERED.value))
    )
    return [
        Card(
            title="Orders in hand",
            number=found["all"],
            words=f"of these {found['waiting']} wait for stock",
            url=_list("orders_order", "ending=open"),
        )
    ]


def _warehouse() -> list[Card]:
    waiting = Reservation.objects.filter(state=ReservationState.BACKORDERED).count()
    empty = Stock.objects.filter(on_hand=0, discontinued=False).count()
    return [
        Card(
            title="Waiting for stock",
            number=waiting,
            words="reservations to be filled by a restock",
            url=_list("shipping_reservation", "state__exact=backordered"),
        ),
        Card(
            title="Sold out",
            number=empty,
            words="products that can be bought again",
            url=_list("shipping_stock", "level=none"),
        ),
    ]


def _tasks() -> list[Card]:
    unsent = OutboxMessage.objects.filter(sent_at=None).count()
    recent = TaskResult.objects.filter(date_done__gte=timezone.now() - timedelta(days=1))
    told = list(recent.order_by("-date_done").values_list("result", flat=True)[:MOST])
    refused = sum(1 for result in told if REFUSED in (result or ""))
    failing = len(told) - refused
    return [
        Card(
            title="Failed tasks",
            number=failing,
            words=f"attempts of the last 24 hours; {refused} more got a business no",
            url=_list("django_celery_results_taskresult", "outcome=failed"),
        ),
        Card(
            title="Unsent messages",
            number=unsent,
            words="the sweep sends what is left",
            url=_list("orchestration_outboxmessage", "sent_at__isempty=1"),
        ),
    ]


def _list(name: str, query: str = "") -> str:
    address = reverse(f"admin:{name}_changelist")
    return f"{address}?{query}" if query else address


def _links(sees_flower: bool) -> list[tuple[str, str]]:
    """Other doors of the house; one that is not there, or stays closed, is left out."""
    found = [("Storefront", "/")]
    with suppress(NoReverseMatch):
        found.append(("API docs", reverse("orders-api:openapi-view")))
    if settings.ORDERLY_FLOWER_URL and sees_flower:
        found.append(("Flower", settings.ORDERLY_FLOWER_URL))
    return found
