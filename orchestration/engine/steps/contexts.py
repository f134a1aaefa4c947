"""The identity of one attempt, as a participant sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestration.core.planning.context import Failure, StepContext
from orchestration.core.planning.foresight import Rows
from orchestration.core.planning.standing import Kept, kept_steps
from orchestration.core.planning.states import Direction
from orchestration.engine.steps.claims import Claim, StepMessage


def context_for(
    message: StepMessage,
    saga: dict[str, Any],
    claim: Claim,
    rows: Rows | None = None,
    results: Mapping[str, Any] | None = None,
) -> StepContext:
    """Return what a step is told about the saga it acts for.

    Args:
        message: what the broker carried.
        saga: its row.
        claim: the right to act.
        rows: the newest row of each of its steps, and
        results: what its steps gave, where they were loaded with the claim.
    """
    failure = saga["failure"]
    backward = message.direction is not Direction.FORWARD
    return StepContext(
        saga_id=message.saga_id,
        business_key=saga["business_key"],
        step=message.step,
        direction=message.direction.value,
        attempt=claim.attempts + 1,
        idempotency_key=idempotency_key(message, claim),
        trace_id=saga["trace_id"],
        product_line=saga["product_line"],
        failure=Failure(**failure) if failure and backward else None,
        kept=_kept(rows, results or {}) if backward and rows else (),
    )


def _kept(rows: Rows, results: Mapping[str, Any]) -> tuple[Kept, ...]:
    states = {at: row.state for at, row in rows.items()}
    return tuple(Kept(step, results.get(step) or {}) for step in kept_steps(states))


def idempotency_key(message: StepMessage, claim: Claim) -> str:
    """Stable over attempts, redeliveries and restores: saga, step, direction, generation. At most 255 characters."""
    return f"{message.saga_id}/{message.step}/{message.direction.value}/{claim.generation}"
