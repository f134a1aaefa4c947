"""A shell around the planning core without database or broker: plain views, plain messages, outcomes from a list.

It admits a message as the real claim does and writes a decision down as `engine/flow/advance.py` does. What it plays is
chosen by the test; when the list is at its end, everything works.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import product

from orchestration.core.planning.canvas import Call, Canvas, Fork, heads
from orchestration.core.planning.decisions import (
    BeginUndo,
    Escalate,
    Finish,
    OpenWait,
    Rest,
    Send,
    Settle,
    SettleAbsent,
)
from orchestration.core.planning.plan import pivot_has_begun, plan
from orchestration.core.planning.states import (
    FORWARD_STATES,
    TERMINAL,
    TRANSITIONS,
    Direction,
    SagaState,
    StepState,
)
from orchestration.core.planning.views import StepView
from tests.durability.toy_answers import ACTS, Answer, Flight, possible
from tests.durability.toy_rows import FORWARD, UNDO, ToySaga

LEASE, TICK = timedelta(seconds=15), timedelta(seconds=25)
MOST_MOVES = 600


class Toy(ToySaga):
    """Plays it."""

    def until_rest(self) -> None:
        """Play until it has ended or only a person can help."""
        self.look()
        for move in range(MOST_MOVES):
            if self.state in TERMINAL or self.state is SagaState.UNDO_FAILED:
                return
            if move == self.cancel_at:
                self._cancel()
            if self.forged:
                self._forge()
            if not self._move():
                return
        raise AssertionError(f"it goes round in circles: {self.told[-20:]}")

    def look(self) -> None:
        """Ask the planning core and write its answer down, until that changes nothing more."""
        for _ in range(200):
            decided = plan(self.definition, self.view(), self.now)
            self.told.append(f"{decided}")
            match decided:
                case Send(canvases):
                    for canvas in canvases:
                        self._send(canvas)
                    return
                case Settle(steps):
                    for step in steps:
                        self._settle(step)
                case Rest(until):
                    open_waits = [row for row in self.waits() if row.state is StepState.WAITING]
                    if until is None and self.state not in TERMINAL | {SagaState.UNDO_FAILED}:
                        assert any(row.unsure for row in open_waits), f"it rests for ever: {self.told[-5:]}"
                    return
                case OpenWait(wait):
                    self.write(
                        wait.name,
                        FORWARD,
                        StepState.WAITING,
                        due_at=self.now + timedelta(seconds=wait.within),
                    )
                case BeginUndo(kind, _):
                    self.turn(kind)
                case SettleAbsent(steps):
                    for step in steps:
                        self.write(step, FORWARD, StepState.ABSENT)
                case Escalate(step, kind):
                    if kind != "event_timeout":
                        self.escalated = True
                        return
                    self.write(step, FORWARD, StepState.WAITING, due_at=self.now, unsure=True)
                case Finish(state):
                    assert state in TRANSITIONS[self.state], f"{self.state} to {state}"
                    self.state = state
                    return
        raise AssertionError(f"the planning core never comes to rest: {self.told[-10:]}")

    def deliver_what_is_left(self) -> None:
        """Deliver every message that is still on its way."""
        while self.mail:
            self._deliver(*self.mail.pop())

    def _move(self) -> bool:
        """Something happens. False when nothing can."""
        chosen = self.choices.pop(0) if self.choices else 0
        possible: list[object] = [
            *self.flights,
            *self.mail,
            *(row for row in self.waits() if row.state is StepState.WAITING),
        ]
        if self.escalated and not possible:
            return False
        if not possible or chosen == 7:
            self._tick()
            return True
        what = possible[chosen % len(possible)]
        if isinstance(what, Flight):
            self.flights.remove(what)
            self._land(what)
        elif isinstance(what, StepView):
            self.write(what.name, FORWARD, StepState.DONE)
            self.finished.append(what.name)
            self.look()
        else:
            self.mail.remove(what)  # type: ignore[arg-type]  # the only kind that is left
            self._deliver(*what)  # type: ignore[misc]
        return True

    def _forge(self) -> None:
        """Somebody who can write to the queues sends every step in every direction, and names nothing that comes before it."""
        for step, direction in product(self.definition.steps, Direction):
            with suppress(LookupError):  # nothing to do in that direction
                self.definition.reference(step, direction.value)
                self._deliver(self.epoch, Call(step, direction))

    def _tick(self) -> None:
        self.now += TICK
        for flight in self.flights:  # their workers live, and renew
            key = (flight.call.step, flight.call.direction)
            self.rows[key] = replace(self.rows[key], lease_until=self.now + LEASE)
        self.look()

    def _send(self, canvas: Canvas) -> None:
        for call in heads(canvas):
            row = self.rows.get((call.step, call.direction))
            if (
                row is not None
                and row.state is StepState.RUNNING
                and row.lease_until
                and row.lease_until > self.now
            ):
                self.sent_twice.append(call.step)
            if row is not None and row.state is StepState.PENDING and row.sent_at == self.now:
                self.sent_twice.append(call.step)
            unsure = row is not None and (
                row.unsure or row.state is StepState.UNKNOWN or self._was_running(row)
            )
            self.write(call.step, call.direction, StepState.PENDING, sent_at=self.now, unsure=unsure)
        self.sent_in_vain += [call.step for call in heads(canvas) if not self.is_admitted(call)]
        # The links behind the heads come at once and in any order: only the flow keeps them back.
        self.mail += [(self.epoch, call) for call in _calls(canvas)]

    def _was_running(self, row: StepView) -> bool:
        return row.external and row.state is StepState.RUNNING

    def _deliver(self, epoch: int, call: Call) -> None:
        row = self.rows.get((call.step, call.direction))
        fits = (
            self.state in FORWARD_STATES
            if call.direction is FORWARD
            else self.state is SagaState.COMPENSATING
        )
        ready = (
            row is None
            or row.state is StepState.PENDING
            or (
                row.state in (StepState.WAITING, StepState.UNKNOWN)
                and (row.due_at is None or row.due_at <= self.now)
            )
        )
        if not fits or epoch != self.epoch or not ready or not self.is_admitted(call):
            return
        if call.direction is UNDO:
            self.undone_too_early += [
                name
                for (name, way), other in self.rows.items()
                if way is FORWARD
                and name in self.definition.steps
                and (other.state in (StepState.RUNNING, StepState.UNKNOWN) or other.unsure)
            ]
        unsure = row is not None and (row.unsure or (self.external(call) and row.state is StepState.UNKNOWN))
        if call.direction is FORWARD and call.step not in dict(self.begun):
            self.begun.append((call.step, len(self.finished)))
        self.performed.append((call.step, call.direction))
        self.write(call.step, call.direction, StepState.RUNNING, lease_until=self.now + LEASE, unsure=unsure)
        answer = self.answers.pop(0) if self.answers else Answer.OK
        self.flights.append(Flight(call, answer))

    def _land(self, flight: Flight) -> None:
        call, answer = flight.call, possible(self.definition, flight, self.effects)
        key = (call.step, call.direction)
        row = self.rows[key]
        if answer in ACTS and key not in self.effects:
            self.effects.append(key)
        later = self.now + timedelta(seconds=5)
        match answer:
            case Answer.OK | Answer.RIGHT:
                kind = "Right" if answer is Answer.RIGHT else "Left"
                self.write(*key, StepState.DONE, result_type=kind)
                if call.direction is FORWARD:
                    self.finished.append(call.step)
            case Answer.REJECTED:
                self.write(*key, StepState.REJECTED)
            case Answer.FAILED:
                self.write(*key, StepState.FAILED, unsure=row.unsure)
            case Answer.FAILED_ACTED | Answer.FAILED_UNHEARD:
                self.write(*key, StepState.FAILED, unsure=True)
            case Answer.RETRY:
                state = StepState.UNKNOWN if row.unsure else StepState.WAITING
                self.write(*key, state, due_at=later, unsure=row.unsure)
            case Answer.LOST_ACTED | Answer.LOST:
                self.write(*key, StepState.UNKNOWN, due_at=later, unsure=True)
            case Answer.DIES_BEFORE | Answer.DIES_AFTER:
                return  # nobody records anything; the lease runs out
        self.look()

    def _settle(self, step: str) -> None:
        """The provider refuses the key from now on, and says whether it has acted."""
        if (step, FORWARD) in self.effects:
            self.write(step, FORWARD, StepState.DONE, result_type="Left")
            self.finished.append(step)
        else:
            self.write(step, FORWARD, StepState.ABSENT)

    def _cancel(self) -> None:
        if self.state in FORWARD_STATES and not pivot_has_begun(self.definition, self.view()):
            self.turn("cancel")
            self.look()


def _calls(canvas: Canvas) -> Iterator[Call]:
    for stage in canvas:
        if isinstance(stage, Fork):
            for branch in stage.branches:
                yield from branch
        else:
            yield stage
