"""The rows that say what became of an event at a saga: read and written under that saga's lock."""

from __future__ import annotations

from django.db.models import F, FilteredRelation, Q, QuerySet

from orchestration.models import InboxDelivery, InboxMessage, Saga


def undelivered(saga: Saga) -> QuerySet[InboxMessage]:
    """What has come for a locked saga and is not applied, and what no saga has had, the first first; locked.

    Each has `delivery`, the id of the one to this saga, or None.
    """
    return (
        InboxMessage.objects.filter(key=saga.business_key)
        .alias(own=FilteredRelation("deliveries", condition=Q(deliveries__saga=saga)))
        .annotate(delivery=F("own__id"))
        .filter(Q(parked=True) | Q(own__state__in=["parked", "due"]))
        # Two sagas that start late must not both have what was parked.
        .select_for_update(of=("self",), no_key=True)
        .order_by("received_at")
    )


def deliver(
    saga: Saga,
    message: InboxMessage,
    *,
    state: str,
    wait: str = "",
    reason: str = "",
    due_at: object = None,
    applied_at: object = None,
) -> None:
    """Write down what became of an event at a locked saga. One statement, and one more if no saga had had it before."""
    facts = {
        "state": state,
        "wait": wait,
        "reason": reason[:200],
        "due_at": due_at,
        "applied_at": applied_at,
    }
    known = getattr(message, "delivery", None)
    if known is not None:
        InboxDelivery.objects.filter(id=known).update(**facts)
    else:
        InboxDelivery.objects.create(saga=saga, message=message, **facts)
    if message.parked:
        message.parked = False
        message.save(update_fields=["parked"])
