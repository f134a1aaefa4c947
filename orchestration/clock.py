"""One clock for all that people read, and moments with their zone.

A project with `USE_TZ = False` has moments read from the database without a zone, in its own time.
"""

from __future__ import annotations

from datetime import datetime, tzinfo

from django.utils import timezone
from django.utils.dateformat import format as formatted

CLOCK = "Y-m-d H:i:s T"
"""How a moment is written for people, in Django's letters: `2026-03-01 14:05:09 UTC`. Never without seconds or zone."""


def with_zone(moment: datetime) -> datetime:
    """A moment that was read from the database, with the zone it is in."""
    return timezone.make_aware(moment) if timezone.is_naive(moment) else moment


def clock(moment: datetime | None, zone: tzinfo | None = None) -> str:
    """A moment as people read it; a dash for none.

    Args:
        moment: with or without a zone.
        zone: in which it is told; the project's own if None.
    """
    if moment is None:
        return "–"
    return formatted(with_zone(moment).astimezone(zone or timezone.get_current_timezone()), CLOCK)
