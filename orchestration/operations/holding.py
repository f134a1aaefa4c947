"""Why a saga is held: who paused it, and for which reason. Read from its history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from orchestration.core.planning.kinds import HistoryKind
from orchestration.models import Saga, SagaEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The decision that holds a saga."""

    by: str
    reason: str
    """Empty for a saga that code paused without giving one."""
    at: datetime


def held(saga: Saga) -> Held | None:
    """Return the decision that holds a saga; None where nothing does. One query for a saga that is paused."""
    if not saga.paused:
        return None
    entry = SagaEvent.objects.filter(saga=saga, kind=HistoryKind.PAUSED).order_by("-seq").first()
    if entry is None:
        return None
    return Held(by=entry.who, reason=str(entry.data.get("reason", "")), at=entry.at)
