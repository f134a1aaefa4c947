"""Carrying messages by hand, with the habits of the real broker: chains, chords, error callbacks, duplicates, disorder."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID, uuid4

from orchestration.core.canvas import Call, Canvas, Stage
from orchestration.core.states import Direction
from orchestration.engine.advance import advance
from orchestration.engine.claims import StepMessage
from orchestration.engine.participants import participant_for
from orchestration.engine.perform import Verdict, perform
from orchestration.engine.settle import settle
from orchestration.engine.transport import Address
from orchestration.engine.waits import receive_event
from orchestration.errors import StepError


@dataclass
class _Chord:
    """Counts its branches as Celery does: a branch that stops in the middle is never counted."""

    left: int
    failed: bool = False


@dataclass(frozen=True)
class _StepMail:
    address: Address
    call: Call
    branch: tuple[Call, ...]
    rest: tuple[Stage, ...]
    chord: _Chord | None
    id: str = field(default_factory=lambda: str(uuid4()))


@dataclass(frozen=True)
class _Knock:
    saga_id: UUID


@dataclass(frozen=True)
class _SettleMail:
    address: Address
    step: str


@dataclass(frozen=True)
class _EventMail:
    envelope: dict[str, Any]


Mail = _StepMail | _Knock | _SettleMail | _EventMail


class HandTransport:
    """A transport whose messages lie in a list until `carry_one` is called."""

    def __init__(self, *, doubled: bool = False, shuffled: int | None = None) -> None:
        self._mail: deque[Mail] = deque()
        self._doubled = doubled
        self._random = Random(shuffled) if shuffled is not None else None

    def send_canvas(self, address: Address, canvas: Canvas) -> None:
        """Send a canvas that ends with a knock."""
        self._send_stages(address, canvas)

    def send_settle(self, address: Address, step: str) -> None:
        """Send a request to settle a step."""
        self._put(_SettleMail(address, step))

    def send_knock(self, saga_id: UUID) -> None:
        """Send a knock."""
        self._put(_Knock(saga_id))

    def send_event(self, envelope: dict[str, Any]) -> None:
        """Send an event."""
        self._put(_EventMail(envelope))

    def lose_everything(self) -> None:
        """Empty the broker."""
        self._mail.clear()

    def carry_one(self) -> bool:
        """Deliver one message. False when there is none."""
        if not self._mail:
            return False
        if self._random is not None:
            self._mail.rotate(self._random.randrange(len(self._mail)))
        mail = self._mail.popleft()
        match mail:
            case _StepMail():
                self._step(mail)
            case _Knock(saga_id):
                advance(saga_id)
            case _SettleMail(address, step):
                participant = participant_for(address.definition.steps[step].reference.task)
                if participant is None:
                    raise LookupError(f"nobody performs step {step}")
                settle(participant, address.saga_id, step)
                self._put(_Knock(address.saga_id))
            case _EventMail(envelope):
                saga = receive_event(envelope)
                if saga is not None:
                    advance(saga.id)
        return True

    def _put(self, mail: Mail) -> None:
        self._mail.extend([mail, mail] if self._doubled else [mail])

    def _send_stages(self, address: Address, stages: tuple[Stage, ...]) -> None:
        if not stages:
            self._put(_Knock(address.saga_id))
            return
        first, rest = stages[0], stages[1:]
        if isinstance(first, Call):
            self._put(_StepMail(address, first, (), rest, None))
            return
        chord = _Chord(len(first.branches))
        for branch in first.branches:
            self._put(_StepMail(address, branch[0], branch[1:], rest, chord))

    def _step(self, mail: _StepMail) -> None:
        reference = mail.address.definition.reference(mail.call.step, mail.call.direction.value)
        participant = participant_for(reference.task)
        if participant is None:
            raise LookupError(f"nobody performs {reference.task}; write @performs(...) in a tasks.py")
        message = StepMessage(
            saga_id=mail.address.saga_id,
            step=mail.call.step,
            direction=Direction(mail.call.direction),
            epoch=mail.address.epoch,
            after=mail.call.after,
            task_id=mail.id,
        )
        try:
            verdict = perform(participant, message)
        except StepError:
            self._failed(mail)
            return
        if verdict is Verdict.CARRY_ON and mail.branch:
            self._put(_StepMail(mail.address, mail.branch[0], mail.branch[1:], mail.rest, mail.chord))
        elif mail.chord is not None and not mail.branch:
            self._count(mail)
        elif verdict is Verdict.CARRY_ON:
            self._send_stages(mail.address, mail.rest)

    def _count(self, mail: _StepMail) -> None:
        chord = mail.chord
        if chord is None:
            return
        chord.left -= 1
        if chord.left == 0:
            if chord.failed:
                self._put(_Knock(mail.address.saga_id))
            else:
                self._send_stages(mail.address, mail.rest)

    def _failed(self, mail: _StepMail) -> None:
        if mail.chord is None:
            self._put(_Knock(mail.address.saga_id))
            return
        mail.chord.failed = True
        self._count(mail)
