"""Turning a saga round: from now on it is undone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from orchestration.core.planning.kinds import HistoryKind
from orchestration.core.planning.states import SagaState
from orchestration.engine.rows.history import move
from orchestration.engine.rows.reading import database_now
from orchestration.models import Saga

LINK_ERROR_GRACE = timedelta(seconds=3)
"""How long the error callback may take to knock before the heartbeat starts the undo itself."""


def begin_undo(
    saga: Saga, *, kind: str, step: str | None, error: dict[str, Any], who: str = "engine"
) -> None:
    """Turn a locked saga round; the caller saves it. The epoch rises, so no forward message counts any more.

    Raises:
        TransitionRefused: it is already being undone or has ended.
    """
    saga.failure = {
        "kind": kind,
        "step": step,
        "code": error.get("code", kind),
        "message": error.get("message", ""),
        "data": error.get("data", {}),
    }
    saga.epoch += 1
    saga.wake_at = database_now() + LINK_ERROR_GRACE
    move(
        saga,
        SagaState.COMPENSATING,
        HistoryKind.UNDO_BEGUN,
        who=who,
        step=step or "",
        reason=kind,
        message=saga.failure["message"],
    )
