"""Sessions that have ended: a browser's own, and those of staff. The shop makes one with the first thing put into a basket."""

from __future__ import annotations

from collections import Counter

from django.contrib.sessions.models import Session

from orchestration.retention import Batch, Round, prunes


@prunes("sessions", usual="1d", what="sessions that ended this long ago")
def take_sessions(asked: Round) -> Batch:
    """One batch, the longest ended first, by the index on when they end."""
    ended = Session.objects.filter(expire_date__lt=asked.before).order_by("expire_date", "session_key")
    if asked.dry_run:
        # Counted in one go: nothing is removed that would move the batches on.
        return Batch(removed=Counter({"sessions": ended.count()}))
    keys = list(ended.select_for_update(skip_locked=True).values_list("session_key", flat=True)[: asked.most])
    Session.objects.filter(session_key__in=keys).delete()
    return Batch(
        removed=Counter({"sessions": len(keys)}), after=keys[-1] if len(keys) == asked.most else None
    )
