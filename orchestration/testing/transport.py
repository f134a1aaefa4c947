"""Carrying messages by hand, with the habits of the real broker: chains, chords, error callbacks, duplicates, disorder."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from orchestration.core.planning.canvas import Call, Canvas, Stage
from orchestration.core.planning.states import Direction
from orchestration.crash.points import CrashPoint, reach
from orchestration.engine.flow.advance import advance
from orchestration.engine.flow.inbox import receive_event
from orchestration.engine.messages.probes import answer
from orchestration.engine.messages.seals import unsealed
from orchestration.engine.messages.transport import Address
from orchestration.engine.outbox.copies import acknowledge
from orchestration.engine.steps.delivering import Verdict, perform
from orchestration.engine.steps.participants import participant_for
from orchestration.engine.steps.rights import StepMessage
from orchestration.engine.steps.settle import settle
from orchestration.errors import StepError
from orchestration.testing.mail import (
    Chord,
    CopyMail,
    EventMail,
    Habits,
    Knock,
    Mail,
    ProbeMail,
    SettleMail,
    StepMail,
    identity,
)


class HandTransport:
    """A transport whose messages lie in a list until they are delivered."""

    def __init__(self, habits: Habits | None = None) -> None:
        self.habits = habits or Habits()
        self.mail: deque[Mail] = deque()
        """What is on its way, oldest first."""
        self.carried = 0
        """How many messages have been delivered."""
        self._random = Random(self.habits.shuffled) if self.habits.shuffled is not None else None
        self._overtaken = False
        self._lost_once: set[tuple[Any, ...]] = set()

    def send_canvas(self, address: Address, canvas: Canvas) -> None:
        """Send a canvas that ends with a knock."""
        self._send_stages(address, canvas)

    def send_settle(self, address: Address, step: str) -> None:
        """Send a request to settle a step."""
        self._put(SettleMail(address, step))

    def send_knock(self, saga_id: UUID) -> None:
        """Send a knock."""
        self._put(Knock(saga_id))

    def send_event(self, envelope: dict[str, Any]) -> None:
        """Send an event."""
        self._put(EventMail(envelope))

    def send_copy(self, queue: str, envelope: dict[str, Any], receipt: dict[str, Any]) -> None:
        """Send a subscriber its copy."""
        self._put(CopyMail(queue, envelope, receipt))

    def send_probe(self, queue: str, asked_at: str) -> None:
        """Send a probe."""
        self._put(ProbeMail(queue, asked_at))

    def queues_taken(self) -> set[str]:
        """Say nothing: there are no workers."""
        return set()

    def lose_everything(self) -> None:
        """Empty the broker."""
        self.mail.clear()

    def age(self, by: timedelta) -> None:
        """Let time pass for what is on its way: a probe carries the moment it was sent."""
        for position, mail in enumerate(self.mail):
            if isinstance(mail, ProbeMail):
                self.mail[position] = replace(
                    mail, asked_at=(datetime.fromisoformat(mail.asked_at) - by).isoformat()
                )

    def carry_one(self) -> bool:
        """Deliver one message. False when there is none."""
        if not self.mail:
            return False
        if self._random is not None:
            self.mail.rotate(self._random.randrange(len(self.mail)))
        self._overtaken = self.habits.swapped and not self._overtaken and len(self.mail) > 1
        mail = self.mail[1] if self._overtaken else self.mail[0]
        del self.mail[1 if self._overtaken else 0]
        self.deliver(mail)
        return True

    def deliver(self, mail: Mail, *, redelivered: bool = False) -> None:
        """Deliver one message as a worker gets it.

        Args:
            mail: it need not lie in the list: a duplicate does not.
            redelivered: an earlier delivery of it was not acknowledged.
        """
        self.carried += 1
        match mail:
            case StepMail():
                self._step(mail, redelivered)
            case Knock(saga_id):
                advance(saga_id)
            case SettleMail(address, step):
                participant = participant_for(address.definition.steps[step].reference.task)
                if participant is None:
                    raise LookupError(f"nobody performs step {step}")
                settle(participant, address.saga_id, step)
                self._put(Knock(address.saga_id))
            case EventMail(envelope):
                reach(CrashPoint.WEBHOOK_ANSWERED)
                for saga in receive_event(unsealed(envelope)):
                    advance(saga)
            case CopyMail(_, _, receipt):
                acknowledge(
                    receipt["message"], receipt["queue"], receipt["seal"]
                )  # subscribers always succeed
            case ProbeMail(queue, asked_at):
                answer(queue, asked_at)

    def failed(self, mail: Mail) -> None:
        """A delivery ended as a failed task: its error callback knocks."""
        if isinstance(mail, StepMail) and mail.chord is not None:
            mail.chord.failed = True
            self._count(mail)
        elif isinstance(mail, StepMail):
            self._put(Knock(mail.address.saga_id))

    def _put(self, *mails: Mail) -> None:
        """Publish together what belongs together."""
        if self.habits.sweep_only and isinstance(mails[0], Knock):
            return
        if self.habits.wiped and identity(mails[0]) not in self._lost_once:
            self._lost_once.add(identity(mails[0]))
            self.mail.clear()
            return
        for mail in mails:
            self.mail.extend([mail, mail] if self.habits.doubled else [mail])

    def _send_stages(self, address: Address, stages: tuple[Stage, ...]) -> None:
        if not stages:
            self._put(Knock(address.saga_id))
            return
        first, rest = stages[0], stages[1:]
        if isinstance(first, Call):
            self._put(StepMail(address, first, (), rest, None))
            return
        chord = Chord(len(first.branches))
        self._put(*(StepMail(address, branch[0], branch[1:], rest, chord) for branch in first.branches))

    def _step(self, mail: StepMail, redelivered: bool) -> None:
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
            redelivered=redelivered,
            next_step=mail.next_step,
        )
        try:
            verdict = perform(participant, message).verdict
        except StepError:
            self.failed(mail)
            return
        message.reach(CrashPoint.RESULT_COMMITTED)
        if self.habits.sweep_only:
            return
        if verdict is Verdict.CARRY_ON and mail.branch:
            self._put(StepMail(mail.address, mail.branch[0], mail.branch[1:], mail.rest, mail.chord))
        elif mail.chord is not None and not mail.branch:
            self._count(mail)
        elif verdict is Verdict.CARRY_ON:
            self._send_stages(mail.address, mail.rest)

    def _count(self, mail: StepMail) -> None:
        chord = mail.chord
        if chord is None:
            return
        chord.left -= 1
        if chord.left == 0:
            if chord.failed:
                self._put(Knock(mail.address.saga_id))
            else:
                self._send_stages(mail.address, mail.rest)
