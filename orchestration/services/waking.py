"""What every decision ends with: somebody looks at the saga."""

from __future__ import annotations

from functools import partial

from orchestration.crash.points import CrashPoint, reach
from orchestration.engine.database.connection import transaction
from orchestration.engine.outbox import writing
from orchestration.models import Saga


def wake(saga: Saga) -> None:
    """Have somebody look at the saga once the caller's decision is committed."""
    transaction.on_commit(partial(reach, CrashPoint.DECISION_COMMITTED, about=[saga.id]))
    writing.put("dispatch", saga_id=saga.id)
