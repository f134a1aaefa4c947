"""Deliveries by hand: a message as a worker would get it, and its claim."""

from __future__ import annotations

from typing import Any

from orchestration.core.planning.states import Direction
from orchestration.engine.steps import rights
from orchestration.engine.steps.rights import Right, StepMessage
from orchestration.testing import SagaRun


def message(
    run: SagaRun, step: str, *, epoch: int = 1, after: tuple[str, ...] = (), redelivered: bool = False
) -> StepMessage:
    return StepMessage(run.id, f"sample.{step}", Direction.FORWARD, epoch, after, "t", redelivered)


def claim(run: SagaRun, step: str, *, lease: float = 30, **more: Any) -> Right | None:
    granted = rights.claim(message(run, step, **more), task=f"sample.{step}", external=True, lease=lease)
    assert granted is not None
    return granted[1]


def claimed(run: SagaRun, step: str, **more: Any) -> Right:
    right = claim(run, step, **more)
    assert right is not None
    return right
