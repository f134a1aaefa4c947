"""Step references: what one app promises to do for a saga, without saying how.

They stand in each app's `contracts.py`. A reference is data: the Celery task's name, the queue it lives on, the types
that go in and come out. Importing one imports no Django and no implementation.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict

from orchestration.core.definition.arguments import demand, is_kind_of, is_name, shown
from orchestration.errors import DefinitionError

Kind = Literal["local", "external"]


class Message(BaseModel):
    """Base of commands, results and events: immutable, closed (an unknown field is an error), JSON on the wire."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class StepReference:
    """One action or compensation that a participant performs, by name."""

    task: str
    """Name of the Celery task, `<app>.<verb>`; it is also the step's default name within a saga."""
    queue: str
    """The queue of the service that performs it."""
    kind: Kind
    """`local`: effect and record share one database transaction. `external`: it talks to somebody else's system."""
    takes: type[Message]
    """The command. Its fields are filled by name from the saga's input and from earlier results."""
    gives: tuple[type[Message], ...]
    """The results it may return; a choice may branch on which one it was."""
    timeout: float
    """Seconds one attempt may take. One that takes longer keeps its lease while its process lives, and the history says so."""

    def __str__(self) -> str:
        return self.task

    def __or__(self, other: object) -> Any:
        raise DefinitionError(
            f"{self} | ...: a reference is no step yet; write step({self.task.partition('.')[2]}, undo=...) | ..."
        )

    @property
    def is_external(self) -> bool:
        """Whether it acts outside our database, so that its outcome can be unknown."""
        return self.kind == "external"


def local(
    task: str, *, takes: type[Message], gives: Any = None, queue: str = "", timeout: float | timedelta = 10.0
) -> StepReference:
    """Declare a step whose effect is rows of our own database: exactly once, in the transaction that records it.

    `gives` is a Message type, a union of them, or None for a step that returns nothing.
    `queue` defaults to the part of `task` before the first dot.
    """
    return _reference("local", task, takes, gives, queue, timeout)


def external(
    task: str, *, takes: type[Message], gives: Any = None, queue: str = "", timeout: float | timedelta = 30.0
) -> StepReference:
    """Declare a step that acts outside our database: called with an idempotency key and no transaction open.

    Same arguments as `local`. `timeout` must exceed the client's own timeout for the call.
    """
    return _reference("external", task, takes, gives, queue, timeout)


def _reference(
    kind: Kind, task: str, takes: type[Message], gives: Any, queue: str, timeout: float | timedelta
) -> StepReference:
    service, _, verb = task.partition(".") if is_name(task) else ("", "", "")
    if not service or not verb:
        raise DefinitionError(
            f"task name {shown(task)}: write it as '<service>.<verb>', for example 'payments.capture'"
        )
    is_message = is_kind_of(takes, Message)
    demand(is_message, f"{task}: takes", takes, "a subclass of Message")
    demand(queue == "" or is_name(queue), f"{task}: queue", queue, "the name of a queue, or leave it out")
    allowed = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    return StepReference(task, queue or service, kind, takes, _result_types(gives), allowed)


def _result_types(gives: Any) -> tuple[type[Message], ...]:
    if gives is None:
        return ()
    parts = get_args(gives) if get_origin(gives) in (Union, UnionType) else (gives,)
    for part in parts:
        if not (is_kind_of(part, Message)):
            raise DefinitionError(
                f"gives: {shown(part)} is not a Message type; write a subclass of Message, a union of them, or None"
            )
    return tuple(parts)
