"""Every error of the engine: one root, and a class only where somebody decides differently because of it.

SagaError
├── DefinitionError            a definition is wrong; the process refuses to start
├── UnknownDefinition          a saga names a definition or version this process does not have
├── SagaNotFound
├── BusinessKeyTaken           the same business key was started with another input
├── TransitionRefused          what was asked is not possible in the saga's present state
├── InputRefused               the input of a saga cannot be stored: too large, or not text that a database can keep
├── InvalidDecision            what a person decided lacks something, or contradicts the step's contract
├── InvalidEnvelope            an event that cannot be taken in; it is set aside
├── OutboxOutsideTransaction   would break atomicity; crashes loudly
├── SendFailed                 the broker could not be reached; a sweep sends again
└── StepError                  what a step raises; the raiser states facts, the engine decides
    ├── StepRetryable          nothing happened, try later
    ├── StepRejected           a business "no"
    ├── OutcomeUnknown         sent, no answer: look up before anything else
    ├── EffectDiffers          it took effect, and not as it was asked to: a person must decide
    ├── SkipRest               done early, as a success
    ├── CommandNotBuilt        raised by the engine: the stored results do not fill the command, so the code must be mended
    └── StepExhausted          raised by the engine when a step's policy gives up
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Self


class SagaError(Exception):
    """Root of every error raised by the engine."""


class DefinitionError(SagaError, ValueError):
    """A saga definition contradicts itself, or is made of something that cannot stand there."""


class UnknownDefinition(SagaError):
    """No such saga definition in this process."""


class SagaNotFound(SagaError):
    """No such saga."""


class MessageNotFound(SagaError):
    """No such message in the outbox."""


class BusinessKeyTaken(SagaError):
    """A saga of this definition already runs for that business key, with another input."""


class TransitionRefused(SagaError):
    """The saga's present state does not permit this."""


class InputRefused(SagaError):
    """The input of a saga is too large, or holds what the database cannot keep."""


class InvalidDecision(SagaError):
    """A decision cannot be written down as it was given; the message says what to give instead."""


class InvalidEnvelope(SagaError):
    """An event lacks a required field, has a version nobody here knows, or is too large."""


class OutboxOutsideTransaction(SagaError):
    """An outbox message was written outside a transaction: it could be sent for work that is never saved."""


class SendFailed(SagaError):
    """The broker did not take a message. Nothing is lost: its row is still due."""


class NotCompared(Exception):
    """Of a check of `verify`: there is no second witness to hold our rows against; the message is a sentence that says so."""


class StepError(SagaError):
    """What a step raises. `code` is stable and for programs, `message` for people, `data` JSON for the undo."""

    code = "step_error"
    message: str
    data: dict[str, Any]

    def __new__(cls, *args: Any, **_: Any) -> Self:
        """Make one that has its facts also where a subclass with an `__init__` of its own does not call ours."""
        error = super().__new__(cls, *args)
        error.message = next((given for given in args if isinstance(given, str)), "") or _words_of(cls)
        error.data = {}
        return error

    def __init__(
        self, message: str = "", *, code: str | None = None, data: dict[str, Any] | None = None
    ) -> None:
        self.message = message or _words_of(type(self))
        self.code = code or type(self).code
        self.data = data or {}
        super().__init__(self.message)

    def __reduce__(self) -> tuple[Any, ...]:
        # Celery and pools pickle exceptions between processes; the default loses keyword arguments.
        return (_rebuild, (type(self), self.message, self.code, self.data))


def _words_of(kind: type[StepError]) -> str:
    """Return what an error without a message of its own says."""
    return (kind.__doc__ or kind.__name__).split("\n", 1)[0]


def _rebuild(kind: type[StepError], message: str, code: str, data: dict[str, Any]) -> StepError:
    error = kind.__new__(kind, message)
    Exception.__init__(error, message)
    error.message = message
    error.code, error.data = code, data
    return error


class StepRetryable(StepError):
    """Nothing happened; try again later. `retry_after` (seconds, a timedelta, or the text of a provider's header) is waited at least."""

    code = "retryable"
    retry_after: float | timedelta | str | None = None

    def __init__(
        self,
        message: str = "",
        *,
        code: str | None = None,
        data: dict[str, Any] | None = None,
        retry_after: float | timedelta | str | None = None,
    ) -> None:
        super().__init__(message, code=code, data=data)
        self.retry_after = retry_after


class StepRejected(StepError):
    """A business "no": declined, discontinued. The saga is undone."""

    code = "rejected"


class OutcomeUnknown(StepError):
    """The request was sent and no answer came: the effect may or may not exist."""

    code = "outcome_unknown"


class EffectDiffers(StepError):
    """The effect exists, and is not the one that was asked for, such as another amount: a person must put it right.

    The step keeps its place: it is neither done nor undone, an incident is opened with this message, and the provider is asked again from time
    to time. Say in the message what was asked for and what there is.
    """

    code = "effect_differs"


class SkipRest(StepError):
    """Done early: the rest of the saga is skipped and it completes as a success."""

    code = "skip_rest"


class CommandNotBuilt(StepRetryable):
    """What is stored does not make the command that the step takes now: nothing has happened, and only other code can mend it."""

    code = "bad_command"


class StepExhausted(StepError):
    """The step failed more often than its policy allows."""

    code = "exhausted"
