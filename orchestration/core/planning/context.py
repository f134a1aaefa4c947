"""What a step is told about the saga it acts for, beside its command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from orchestration.core.planning.standing import Kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a saga is being undone, as the undo sees it."""

    step: str | None
    """The step that failed; None when a person, a customer or a deadline stopped the saga."""
    kind: str
    """`rejected`, `exhausted`, `cancel`, `deadline` or `event_timeout`."""
    code: str
    """The error's own stable code, e.g. `card_declined`."""
    message: str
    """For people."""
    data: dict[str, Any]
    """JSON facts given by the raiser."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContext:
    """Identity of one attempt of one step."""

    saga_id: UUID
    business_key: str
    step: str
    direction: str
    """`forward`, `undo` or `after_undo`."""
    attempt: int
    """Counted from 1."""
    idempotency_key: str
    """Stable over attempts, redeliveries, restores and redeploys: saga, step, direction and generation."""
    trace_id: str
    product_line: str
    failure: Failure | None
    """Set while the saga is being undone."""
    kept: tuple[Kept, ...] = ()
    """Effects that stay although the saga is undone, because a person left their undo out. Empty while it goes forward."""
