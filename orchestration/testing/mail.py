"""What lies in the broker of a test, and the habits of a broker that carries it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from orchestration.core.planning.canvas import Call, Stage
from orchestration.engine.messages.transport import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How messages are carried. Every combination must lead a saga to the same end."""

    doubled: bool = False
    """Every message is delivered twice."""
    shuffled: int | None = None
    """A seed; messages are delivered in any order."""
    swapped: bool = False
    """Of every two neighbouring messages the later is delivered first."""
    sweep_only: bool = False
    """Canvas is switched off: of a canvas only the first steps arrive, and no knock ever; the sweep does the rest."""
    wiped: bool = False
    """The broker loses everything after each publish, once; only what is sent again arrives."""


@dataclass
class Chord:
    """Counts its branches as Celery does: a branch that stops in the middle is never counted."""

    left: int
    failed: bool = False


@dataclass(frozen=True)
class StepMail:
    """One step, with the links behind it."""

    address: Address
    call: Call
    branch: tuple[Call, ...]
    rest: tuple[Stage, ...]
    chord: Chord | None
    id: str = field(default_factory=lambda: str(uuid4()))

    @property
    def next_step(self) -> str | None:
        """The step behind it in the chain, if that is a step."""
        if self.branch:
            return self.branch[0].step
        following = self.rest[0] if self.rest and self.chord is None else None
        return following.step if isinstance(following, Call) else None


@dataclass(frozen=True)
class Knock:
    """Somebody should look at a saga."""

    saga_id: UUID


@dataclass(frozen=True)
class SettleMail:
    """A participant is asked to settle one of its steps."""

    address: Address
    step: str


@dataclass(frozen=True)
class EventMail:
    """An event for our own inbox."""

    envelope: dict[str, Any]


@dataclass(frozen=True)
class CopyMail:
    """The copy of an event for a subscriber."""

    queue: str
    envelope: dict[str, Any]
    receipt: dict[str, Any]


@dataclass(frozen=True)
class ProbeMail:
    """A probe of a queue."""

    queue: str
    asked_at: str


Mail = StepMail | Knock | SettleMail | EventMail | CopyMail | ProbeMail


def identity(mail: Mail) -> tuple[Any, ...]:
    """What makes two messages the same content, sent again."""
    match mail:
        case StepMail(address, call):
            return ("step", address.saga_id, address.epoch, call.step, call.direction)
        case Knock(saga_id):
            return ("knock", saga_id)
        case SettleMail(address, step):
            return ("settle", address.saga_id, step)
        case EventMail(envelope):
            return ("event", envelope["source"], envelope["id"])
        case CopyMail(queue, envelope, _):
            return ("copy", queue, envelope["source"], envelope["id"])
        case ProbeMail(queue, _):
            return ("probe", queue)
