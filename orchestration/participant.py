"""What an app writes to take part in sagas: a function per step, made a Celery task with the reference's name and queue.

@performs(contracts.authorize)
def authorize(command, context): ...

@authorize.look_up
def find_authorization(command, context): ...
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from celery import Task, shared_task

from orchestration.broker.ahead import ahead_of, show
from orchestration.broker.links import Links
from orchestration.broker.task_options import OWN
from orchestration.core.definition.references import StepReference
from orchestration.core.planning.states import Direction
from orchestration.crash.points import CrashPoint
from orchestration.engine.steps.delivering import Verdict, perform
from orchestration.engine.steps.participants import Act, Participant, add
from orchestration.engine.steps.rights import StepMessage
from orchestration.engine.steps.settle import settle
from orchestration.errors import StepError


def performs(reference: StepReference) -> Callable[[Act], Participant]:
    """Make a function the implementation of a step reference, as a Celery task of that name.

    Raises:
        DefinitionError: another function already implements it.
    """

    def decorate(function: Act) -> Participant:
        participant = add(Participant(reference, function))
        _step_task(participant)
        if reference.is_external:
            _settle_task(participant)
        return participant

    return decorate


def _step_task(participant: Participant) -> Task[..., Any]:
    @shared_task(bind=True, name=participant.reference.task, throws=(StepError,), **OWN)
    def run_step(
        self: Task[..., Any],
        *,
        saga: str,
        step: str,
        epoch: int,
        direction: str = "forward",
        after: list[str] | None = None,
        order: str = "",
    ) -> str:
        links = Links(self.request)
        delivery: Any = self.request.delivery_info or {}
        message = StepMessage(
            saga_id=UUID(saga),
            step=step,
            direction=Direction(direction),
            epoch=epoch,
            after=tuple(after or ()),
            task_id=self.request.id or "",
            redelivered=bool(delivery.get("redelivered")),
            next_step=links.next_step,
        )
        performed = perform(participant, message, ahead_of(self))
        for point in _points_behind(message, in_fork=self.request.chord is not None):
            message.reach(point)
        if performed.ahead:
            show(self, performed.ahead, {"saga": saga, "order": order})
        if performed.verdict is Verdict.CARRY_ON:
            links.carry_on(message.saga_id, without=[each.message.step for each in performed.ahead])
        else:
            links.stop()
        return performed.verdict.value

    run_step.__doc__ = participant.__doc__
    task: Task[..., Any] = run_step
    return task


def _points_behind(message: StepMessage, *, in_fork: bool) -> list[CrashPoint]:
    """The crash points between the record of a step and the next message."""
    between = [CrashPoint.BETWEEN_UNDOS] if message.direction is Direction.UNDO else []
    return [CrashPoint.RESULT_COMMITTED, *between, *([CrashPoint.BRANCH_COMMITTED] if in_fork else [])]


def _settle_task(participant: Participant) -> Task[..., Any]:
    @shared_task(name=f"{participant.reference.task}.settle", **OWN)
    def settle_step(*, saga: str, step: str, order: str = "") -> None:
        settle(participant, UUID(saga), step)

    task: Task[..., Any] = settle_step
    return task
