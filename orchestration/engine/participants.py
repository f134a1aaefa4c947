"""The implementations of step references that this process has: a function each, and for external ones how to look up.

A process-wide table, filled while every app's `tasks.py` is imported, and only read afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestration.core.context import StepContext
from orchestration.core.outcome import NotNeeded
from orchestration.core.references import Message, StepReference
from orchestration.core.storable import MOST_BYTES, facts_of, size_of
from orchestration.errors import DefinitionError, OutcomeUnknown, StepRejected

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

    def as_stored(self, result: Message) -> Message:
        """Return a result as it can be stored: what a provider has sent may hold characters that no database keeps.

        Raises:
            pydantic.ValidationError: without them it is no longer what its type demands.
        """
        kept = facts_of(result)
        try:
            if result.model_dump(mode="json") == kept:
                return result
        except (ValueError, TypeError):
            pass  # there is no JSON of it as it is
        return type(result).model_validate(kept)

    def check_size(self, facts: dict[str, Any] | None) -> None:
        """Refuse a result that is too large to be kept and loaded by every step behind it.

        Raises:
            OutcomeUnknown: of an external step, which has taken effect.
            StepRejected: of a local one: nothing of it is committed.
        """
        if facts is None or (size := size_of(facts)) <= MOST_BYTES:
            return
        kind = OutcomeUnknown if self.reference.is_external else StepRejected
        raise kind(
            f"{self.reference} returned {size:,} bytes; a result may have {MOST_BYTES:,}. Store what is large, and return where it is",
            code="result_too_large",
        )

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


def add(participant: Participant) -> Participant:
    """Make an implementation known.

    Raises:
        DefinitionError: another function already implements its reference.
    """
    known = _participants.setdefault(participant.reference.task, participant)
    if known.act.__code__ is not participant.act.__code__:
        raise DefinitionError(
            f"{participant.reference} is implemented twice: {known.act.__qualname__} and {participant.act.__qualname__}"
        )
    return known


def participant_for(task: str) -> Participant | None:
    """The implementation of a task in this process, if it has one."""
    return _participants.get(task)


def everyone() -> list[str]:
    """The task names performed in this process."""
    return sorted(_participants)
