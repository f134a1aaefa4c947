"""Stopping, holding and releasing a whole saga."""

from __future__ import annotations

from uuid import UUID

from django.db.models.functions import Now

from orchestration.core.definition import registry
from orchestration.core.planning.kinds import HistoryKind
from orchestration.core.planning.plan import pivot_has_begun
from orchestration.core.planning.states import FORWARD_STATES, TERMINAL, SagaState
from orchestration.engine.database.connection import transaction
from orchestration.engine.rows.history import note
from orchestration.engine.rows.locks import lock_saga
from orchestration.engine.rows.reading import newest_rows, view_of
from orchestration.engine.rows.turning import begin_undo
from orchestration.errors import TransitionRefused
from orchestration.models import Saga
from orchestration.services.deciding import check_name, check_reason
from orchestration.services.waking import wake


def cancel_saga(*, saga_id: UUID, by: str, reason: str = "") -> Saga:
    """Stop a saga and have it undone. Opens a transaction, or joins the caller's; locks the saga row.

    Idempotent: a saga that was already cancelled, or is being undone for it, is returned as it is.

    Raises:
        SagaNotFound: there is no such saga.
        InvalidDecision: name or reason cannot be kept.
        TransitionRefused: it has passed its point of no return, has ended, or is being undone for another reason; the
            message says which. Nothing has changed.
    """
    check_name(by)
    check_reason(reason)
    with transaction.atomic():
        saga = lock_saga(saga_id)
        state = SagaState(saga.state)
        if (saga.failure or {}).get("kind") == "cancel":
            return saga
        if state in TERMINAL:
            raise TransitionRefused(f"it has already ended: {state.value}")
        if state not in FORWARD_STATES:
            raise TransitionRefused("it is already being undone")
        definition = registry.find(saga.definition, saga.version)
        if pivot_has_begun(definition, view_of(saga, definition, newest_rows(saga))):
            pivot = definition.pivot.name if definition.pivot is not None else "the pivot"
            raise TransitionRefused(f"{pivot} has begun or is done, and cannot be undone")
        if saga.paused:
            saga.paused = (
                False  # asking for the end also ends a pause; otherwise nothing would ever be undone
            )
            note(saga, HistoryKind.UNPAUSED, who=by, **_because(reason))
        begin_undo(saga, kind="cancel", step=None, error={"message": reason or f"cancelled by {by}"}, who=by)
        saga.save()
        wake(saga)
        return saga


def pause_saga(*, saga_id: UUID, by: str, reason: str = "") -> Saga:
    """Hold a saga where it is; what is under way is finished and recorded. Idempotent: the first reason stays."""
    check_name(by)
    check_reason(reason)
    with transaction.atomic():
        saga = lock_saga(saga_id)
        if not saga.paused:
            if SagaState(saga.state) in TERMINAL:
                raise TransitionRefused(f"it has already ended: {saga.state}")
            saga.paused, saga.wake_at = True, None
            saga.epoch += 1
            note(saga, HistoryKind.PAUSED, who=by, **_because(reason))
            saga.save()
        return saga


def resume_saga(*, saga_id: UUID, by: str, reason: str = "") -> Saga:
    """Let a paused saga go on. Idempotent."""
    check_name(by)
    check_reason(reason)
    with transaction.atomic():
        saga = lock_saga(saga_id)
        if saga.paused:
            saga.paused, saga.wake_at = False, Now()
            note(saga, HistoryKind.UNPAUSED, who=by, **_because(reason))
            saga.save()
            wake(saga)
        return saga


def _because(reason: str) -> dict[str, str]:
    """What the history keeps of a reason."""
    return {"reason": reason} if reason.strip() else {}
