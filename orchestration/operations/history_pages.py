"""A saga's history in pages, the newest first: however long it is, a page of it is read by an index."""

from __future__ import annotations

from dataclasses import dataclass

from orchestration.models import Saga, SagaEvent

PAGE = 200
"""Entries that are shown at once."""


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Some entries of a history."""

    entries: list[SagaEvent]
    """The newest first."""
    total: int
    """How many the whole history has: they are numbered without a gap."""
    older: int | None
    """What to ask for to get those before; None on the last page."""


def history_page(saga: Saga, *, before: int | None = None, most: int = PAGE) -> HistoryPage:
    """Return a page of a saga's history. One query.

    Args:
        saga: whose.
        before: only entries with a lower number; by default the newest.
        most: how many at once.
    """
    found = SagaEvent.objects.filter(saga=saga).order_by("-seq")
    if before is not None:
        found = found.filter(seq__lt=before)
    entries = list(found[: most + 1])
    more = len(entries) > most
    return HistoryPage(entries[:most], saga.last_seq, entries[most - 1].seq if more else None)
