"""Moments with their zone: a project with `USE_TZ = False` has them read from the database without one, in its own time."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone


def with_zone(moment: datetime) -> datetime:
    """A moment that was read from the database, with the zone it is in."""
    return timezone.make_aware(moment) if timezone.is_naive(moment) else moment
