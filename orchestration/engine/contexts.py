"""The identity of one attempt, as a participant sees it."""

from __future__ import annotations

from typing import Any

from orchestration.core.context import Failure, StepContext
from orchestration.core.states import Direction
from orchestration.engine.claims import Claim, StepMessage


def context_for(message: StepMessage, saga: dict[str, Any], claim: Claim) -> StepContext:
    """What a step is told about the saga it acts for."""
    failure = saga["failure"]
    return StepContext(
        saga_id=message.saga_id,
        business_key=saga["business_key"],
        step=message.step,
        direction=message.direction.value,
        attempt=claim.attempts + 1,
        idempotency_key=idempotency_key(message, claim),
        trace_id=saga["trace_id"],
        product_line=saga["product_line"],
        failure=Failure(**failure) if failure and message.direction is not Direction.FORWARD else None,
    )


def idempotency_key(message: StepMessage, claim: Claim) -> str:
    """Stable over attempts, redeliveries and restores: saga, step, direction, generation. At most 255 characters."""
    return f"{message.saga_id}/{message.step}/{message.direction.value}/{claim.generation}"
