"""The implementations of step references that this process has: a function each, and for external ones how to look up.

A process-wide table, filled while every app's `tasks.py` is imported, and only read afterwards.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from orchestration.core.carrying import NotCarried, carried
from orchestration.core.definition.outcome import NotNeeded
from orchestration.core.definition.references import Message, StepReference
from orchestration.core.planning.context import StepContext
from orchestration.core.storable import MOST_BYTES, is_small, size_of
from orchestration.errors import DefinitionError, OutcomeUnknown, StepRejected

Act = Callable[[Any, StepContext], Message | NotNeeded | None]
Find = Callable[[Any, StepContext], Message | None]
Save = Callable[[Any, Any, StepContext], None]

_participants: dict[str, Participant] = {}


class Participant:
    """The implementation of one step reference. Calling it calls the function, for unit tests."""

    def __init__(self, reference: StepReference, act: Act) -> None:
        _refuse_coroutine(reference, act)
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
        _refuse_coroutine(self.reference, function)
        self.find = function
        return function

    def cancel_by_key(self, function: Find) -> Find:
        """Register how to have the provider refuse the key from now on. Returns the effect if it already exists."""
        _refuse_coroutine(self.reference, function)
        self.refuse = function
        return function

    def record(self, function: Save) -> Save:
        """Register what the app writes for itself, in the transaction that records the result: exactly once."""
        _refuse_coroutine(self.reference, function)
        self.save = function
        return function

    def wrong_signatures(self) -> list[str]:
        """Name each of its functions that cannot be called as the engine calls it."""
        functions = ((self.act, 2), (self.find, 2), (self.refuse, 2), (self.save, 3))
        return [
            f"{self.reference}: {getattr(function, '__qualname__', function)} cannot be called with {arguments} arguments"
            for function, arguments in functions
            if function is not None and _does_not_take(function, arguments)
        ]

    def as_stored(self, result: Message) -> tuple[Message, dict[str, Any]]:
        """Return a result as it can be stored, and its facts: what a provider has sent may hold characters that no database keeps.

        Raises:
            NotCarried: the next step would be given something else.
        """
        try:
            return carried(result)
        except NotCarried as error:
            raise NotCarried(f"{self.reference} returned what cannot be handed on: {error}") from error

    def check_size(self, facts: dict[str, Any] | None) -> None:
        """Refuse a result that is too large to be kept and loaded by every step behind it.

        Raises:
            OutcomeUnknown: of an external step, which has taken effect.
            StepRejected: of a local one: nothing of it is committed.
        """
        if facts is None or is_small(facts) or (size := size_of(facts)) <= MOST_BYTES:
            return
        kind = OutcomeUnknown if self.reference.is_external else StepRejected
        raise kind(
            f"{self.reference} returned {size:,} bytes; a result may have {MOST_BYTES:,}. Store what is large, and return where it is",
            code="result_too_large",
        )

    def check_result(self, result: object) -> None:
        """Refuse a result that the reference does not promise: a choice or a later step would not know what to do with it.

        A subclass is another type, too: which branch is taken is decided by the name of the type.

        Raises:
            TypeError: naming what was returned, and what the reference gives.
        """
        gives = self.reference.gives
        if (type(result) in gives) if gives else result is None:
            return
        named = " or ".join(kind.__name__ for kind in gives) or "nothing"
        returned = "nothing" if result is None else type(result).__name__
        raise TypeError(f"{self.reference} returned {returned}, but its reference gives {named}")


def _does_not_take(function: Callable[..., Any], arguments: int) -> bool:
    try:
        inspect.signature(function).bind(*range(arguments))
    except TypeError:
        return True
    except ValueError:
        return False  # of a function of C nobody can say
    return False


def _refuse_coroutine(reference: StepReference, function: Callable[..., Any]) -> None:
    """Refuse a function that only makes a coroutine, or a generator, when it is called: its body would never run.

    Raises:
        DefinitionError: naming the step.
    """
    called = inspect.unwrap(function)
    called = getattr(called, "func", called)  # of a functools.partial
    if not (inspect.isroutine(called) or inspect.isclass(called)):
        called = type(called).__call__
    for each in (function, called):
        if (
            inspect.iscoroutinefunction(each)
            or inspect.isasyncgenfunction(each)
            or inspect.isgeneratorfunction(each)
        ):
            raise DefinitionError(
                f"{reference}: {getattr(function, '__qualname__', function)} is an `async def` or yields, and a step is called plainly, so "
                "it would never run. Write `def`, and call what is asynchronous with asgiref.sync.async_to_sync."
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


def modules() -> set[str]:
    """The modules whose functions perform steps in this process."""
    return {participant.act.__module__ for participant in _participants.values()}


def everyone() -> list[str]:
    """The task names performed in this process."""
    return sorted(_participants)
