"""Writing history: every change of a saga's state goes through `move`, which knows the permitted transitions."""

from __future__ import annotations

from typing import Any

from django.db.models.functions import Now

from orchestration.core.planning.kinds import HistoryKind
from orchestration.core.planning.replay import ANNOTATIONS
from orchestration.core.planning.states import TERMINAL, TRANSITIONS, SagaState
from orchestration.errors import TransitionRefused
from orchestration.models import Saga, SagaEvent
from orchestration.signals import tell_ended


def note(
    saga: Saga, kind: HistoryKind, *, who: str = "engine", step: str = "", direction: str = "", **data: Any
) -> None:
    """Add an entry to a locked saga's history; the caller saves the saga (`last_seq`)."""
    # After the end there are only annotations; `verify` knows which.
    late = SagaState(saga.state) in TERMINAL and kind not in ANNOTATIONS
    _write(saga, kind.late if late else kind.value, "", "", who, step, direction, data)


def move(
    saga: Saga, to: SagaState, kind: HistoryKind, *, who: str = "engine", step: str = "", **data: Any
) -> None:
    """Change a locked saga's state; the caller saves it. A terminal state also ends its clock.

    Raises:
        TransitionRefused: the table of transitions does not permit it.
    """
    before = SagaState(saga.state)
    if to not in TRANSITIONS[before]:
        raise TransitionRefused(f"saga {saga.id} is {before.value} and cannot become {to.value}")
    saga.state = to.value
    if to in TERMINAL:
        saga.ended_at = Now()
        saga.wake_at = None
        tell_ended(saga.id, to.value)
    _write(saga, kind.value, before.value, to.value, who, step, "", data)


def _write(
    saga: Saga, kind: str, before: str, after: str, who: str, step: str, direction: str, data: dict[str, Any]
) -> None:
    saga.last_seq += 1
    SagaEvent.objects.create(
        saga=saga,
        seq=saga.last_seq,
        kind=kind,
        before=before,
        after=after,
        who=who,
        step=step,
        direction=direction,
        data=data,
    )
