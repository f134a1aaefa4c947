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

from orchestration.core.context import StepContext
from orchestration.core.outcome import NotNeeded
from orchestration.core.references import Message, StepReference
from orchestration.core.states import Direction
from orchestration.errors import DefinitionError, StepError

Act = Callable[[Any, StepContext], Message | NotNeeded | None]
Find = Callable[[Any, StepContext], Message | None]
Save = Callable[[Any, Any, StepContext], None]

_participants: dict[str, Participant] = {}


class Participant:
    """The implementation of one step reference. Calling it calls the function, for unit tests."""

    def __init__(self, reference: StepReference, act: Act) -> None:
        self.reference = reference
        self.act = act
        self.find: Find | None = None
        self.refuse: Find | None = None
        self.save: Save | None = None
        self.__doc__ = act.__doc__
        self.__name__ = getattr(act, "__name__", reference.task)
        self.task = _step_task(self)
        self.settle_task = _settle_task(self) if reference.is_external else None

    def __call__(self, command: Any, context: StepContext) -> Any:
        """Call the function plainly."""
        return self.act(command, context)

    def perform_action(self, command: Any, context: StepContext) -> Message | NotNeeded | None:
        """Call the function on the engine's behalf; the one seam where a test may step in between."""
        return self.act(command, context)

    def look_up(self, function: Find) -> Find:
        """Register how to ask the provider, by idempotency key, whether the effect exists. None: it does not."""
        self.find = function
        return function

    def cancel_by_key(self, function: Find) -> Find:
        """Register how to have the provider refuse the key from now on. Returns the effect if it already exists."""
        self.refuse = function
        return function

    def record(self, function: Save) -> Save:
        """Register what the app writes for itself, in the transaction that records the result: exactly once."""
        self.save = function
        return function

    def check_result(self, result: Message | None) -> None:
        """Refuse a result that the reference does not promise.

        Raises:
            TypeError: a choice or a later step would not know what to do with it.
        """
        gives = self.reference.gives
        if result is None or isinstance(result, gives):
            return  # None: nothing promised, an undo that was not needed, or the rest skipped
        raise TypeError(
            f"{self.reference} returned {type(result).__name__}, which its reference does not give"
        )


def performs(reference: StepReference) -> Callable[[Act], Participant]:
    """Make a function the implementation of a step reference, as a Celery task of that name.

    Raises:
        DefinitionError: another function already implements it.
    """

    def decorate(function: Act) -> Participant:
        known = _participants.get(reference.task)
        if known is not None and known.act.__code__ is not function.__code__:
            raise DefinitionError(
                f"{reference.task} is implemented twice: {known.act.__qualname__} and {function.__qualname__}"
            )
        return _participants.setdefault(reference.task, Participant(reference, function))

    return decorate


def participant_for(task: str) -> Participant | None:
    """The implementation of a task in this process, if it has one."""
    return _participants.get(task)


def everyone() -> list[str]:
    """The task names performed in this process."""
    return sorted(_participants)


def _step_task(participant: Participant) -> Task[..., Any]:
    # reject_on_worker_lost: a killed pool child's message comes back at once; deliveries are counted in the row, so
    # a step that kills its worker again and again is given up all the same.
    @shared_task(
        bind=True,
        name=participant.reference.task,
        acks_late=True,
        reject_on_worker_lost=True,
        throws=(StepError,),
    )
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
        from orchestration.engine.claims import StepMessage
        from orchestration.engine.perform import Verdict, perform

        links: Any = self.request.chain or []
        delivery: Any = self.request.delivery_info or {}
        message = StepMessage(
            saga_id=UUID(saga),
            step=step,
            direction=Direction(direction),
            epoch=epoch,
            after=tuple(after or ()),
            task_id=self.request.id or "",
            redelivered=bool(delivery.get("redelivered")),
            next_step=links[-1]["kwargs"].get("step") if links else None,
        )
        verdict = perform(participant, message)
        if verdict is Verdict.STOP:
            # Otherwise every duplicate would send the rest of the chain again.
            self.request.chain = None
            self.request.callbacks = None
        return verdict.value

    run_step.__doc__ = participant.__doc__
    return run_step


def _settle_task(participant: Participant) -> Task[..., Any]:
    @shared_task(name=f"{participant.reference.task}.settle", acks_late=True, reject_on_worker_lost=True)
    def settle_step(*, saga: str, step: str, order: str = "") -> None:
        from orchestration.engine.settle import settle

        settle(participant, UUID(saga), step)

    return settle_step
