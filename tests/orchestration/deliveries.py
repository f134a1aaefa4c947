"""Deliveries by hand: a message as a worker would get it, and its claim."""

from __future__ import annotations

from typing import Any

from orchestration.core.planning.states import Direction
from orchestration.engine.steps.claims import StepMessage, claim_step
from orchestration.testing import SagaRun


def message(
    run: SagaRun, step: str, *, epoch: int = 1, after: tuple[str, ...] = (), redelivered: bool = False
) -> StepMessage:
    return StepMessage(run.id, f"sample.{step}", Direction.FORWARD, epoch, after, "t", redelivered)


def claim(run: SagaRun, step: str, **more: Any) -> Any:
    delivery = claim_step(message(run, step, **more), task=f"sample.{step}", external=True, lease=30)
    assert delivery is not None
    return delivery
