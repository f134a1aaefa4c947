"""The world of the model test: messages, processes and the clock are held by the test; engine and database are real.

A process may die at a crash point (its transaction is rolled back, its message comes again) or be frozen there and wake
much later, as a zombie. Nothing sleeps: time passes by moving the rows' clock columns back.
"""

from __future__ import annotations

import contextlib
import threading
from datetime import timedelta

from django.db import connection, transaction

from orchestration.conf import engine_settings
from orchestration.core.definition import policy
from orchestration.core.planning.canvas import Call
from orchestration.core.planning.context import StepContext
from orchestration.core.planning.states import Direction
from orchestration.engine.database.owner import as_owner
from orchestration.engine.messages.transport import Address
from orchestration.errors import BusinessKeyTaken, TransitionRefused
from orchestration.models import Incident, Saga, SagaStep
from orchestration.services import (
    cancel_saga,
    pause_saga,
    publish_event,
    resume_saga,
    retry_step,
    start_saga,
)
from orchestration.testing.mail import Habits, StepMail
from tests.durability.clock import pass_time_of_rows
from tests.durability.deliveries import Deliveries
from tests.durability.processes import Death, Fate
from tests.durability.trip import EXTERNAL, Order, provider, trip


class World(Deliveries):
    """One database, one broker, one provider; any number of processes."""

    def __init__(self, habits: Habits | None = None) -> None:
        self._empty()
        super().__init__(habits)
        provider.__init__()  # type: ignore[misc]  # the participants of this process know this one object
        provider.reach = self.processes.reach_in_provider
        self.processes.arrived = self._begins
        self.at_work: dict[str, tuple[int, float]] = {}
        """Idempotency key -> who performs it, and since when."""
        policy._SYSTEM_RANDOM.seed(0)  # the same delays each time: a failing example must fail again
        self.bodies: dict[str, bool] = {}
        """Business key -> what its saga was started with, of every start that was acknowledged."""
        self.tried: dict[str, set[bool]] = {}
        """Business key -> every body that was sent: a client that died may have succeeded."""
        self.troubled_undos: set[str] = set()
        """Steps whose undo was made to go wrong: only these may fail for good."""
        self.faults: list[str] = []
        """What was seen to go wrong while it happened; the judge reads it."""
        self.published: set[str] = set()
        """Ids of the events whose publisher's transaction has committed."""
        self.pauses: list[tuple[str, int, int | None]] = []
        """(saga, from, to): numbers of the ledger between which a saga was paused."""

    # Clients

    def start(self, key: str, *, short: bool = False, dies_at: str = "") -> None:
        """Start a saga as a client does, perhaps again, perhaps with another body; or die before or after its commit."""
        self.tried.setdefault(key, set()).add(short)

        def begin() -> None:
            with transaction.atomic():
                start_saga(trip, input=Order(name="Ada", short=short), business_key=key)

        try:
            self.processes.run(begin, Fate("die", dies_at) if dies_at else None)
        except BusinessKeyTaken:
            self.happened["other body refused"] += 1
        except Death:
            self.happened[f"died at {dies_at}"] += 1
        else:
            self.bodies.setdefault(key, short)

    def event(self, key: str, event_id: str, *, type: str = "model.restocked", dies: bool = False) -> None:
        """Publish an event: early, late, again, or for nobody; or die before the commit."""

        def publish() -> None:
            with transaction.atomic():
                publish_event(type=type, source="model", key=key, data={"place": "9C"}, event_id=event_id)
                if dies:
                    raise Death

        with contextlib.suppress(Death):
            self.processes.run(publish)
            self.published.add(event_id)

    def forge(self, key: str, step: str, direction: str = "forward") -> None:
        """Have a message delivered that nobody of ours has sent: of the saga's epoch, and without what must come before it."""
        saga = Saga.objects.get(business_key=key)
        call = Call(step, Direction(direction))
        self._hand_over(StepMail(Address(saga.id, saga.epoch, "", trip), call, (), (), None), None)

    # Processes

    def wake(self, index: int = 0) -> None:
        """A frozen process goes on."""
        if self.processes.frozen:
            self.happened["zombie"] += 1
            self.processes.wake(index)

    def _begins(self, point: str, context: StepContext) -> None:
        """Somebody begins to perform a step: nobody else may be at it under a lease that has not run out."""
        if point != "before effect" or (context.direction == "forward" and context.step not in EXTERNAL):
            return  # of a quick local step several may act, and one commits
        me, now = threading.get_ident(), self.processes.clock
        frozen = {process.thread.ident for process in self.processes.frozen}
        who, since = self.at_work.get(context.idempotency_key, (me, now))
        if who != me and who in frozen and now - since < engine_settings().LEASE_SECONDS:
            self.faults.append(f"{context.step} ({context.direction}) is performed by two workers at once")
        self.at_work[context.idempotency_key] = (me, now)

    # Time

    def pass_time(self, seconds: float) -> None:
        """Let time pass for every row and every message."""
        pass_time_of_rows(seconds)
        self.transport.age(timedelta(seconds=seconds))
        self.processes.pass_time(seconds)
        provider.clock = self.processes.clock

    # People

    def person(self, what: str, key: str) -> None:
        """Somebody cancels, pauses, resumes, or has retried what was given up. A refusal changes nothing."""
        saga = Saga.objects.filter(business_key=key).first()
        if saga is None:
            return
        before = saga.last_seq
        try:
            self.processes.run(lambda: self._decide(what, saga))
        except TransitionRefused:
            self.happened[f"{what} refused"] += 1
            saga.refresh_from_db()
            if saga.last_seq != before:
                self.faults.append(f"a refused {what} left a trace in the history")
        was, is_now = saga.paused, Saga.objects.get(id=saga.id).paused
        if is_now and not was:
            self.pauses.append((str(saga.id), provider.number(), None))
        elif was and not is_now:
            self.pauses[:] = [
                (who, begun, provider.number() if who == str(saga.id) and ended is None else ended)
                for who, begun, ended in self.pauses
            ]

    def _decide(self, what: str, saga: Saga) -> None:
        match what:
            case "cancel":
                cancel_saga(saga_id=saga.id, by="ada")
            case "pause":
                pause_saga(saga_id=saga.id, by="ada")
            case "resume":
                resume_saga(saga_id=saga.id, by="ada")
            case "retry":
                for incident in list(Incident.objects.filter(saga=saga, resolved_at=None).exclude(step="")):
                    given_up = SagaStep.objects.filter(
                        saga=saga, name=incident.step, state__in=("failed", "rejected")
                    )
                    for row in given_up:
                        retry_step(
                            saga_id=saga.id, step=row.name, direction=row.direction, by="ada", reason="mended"
                        )

    # The end

    def trouble(self, step: str, direction: str, mode: str, times: int) -> None:
        """Have the next calls of a step go wrong."""
        provider.modes[step, direction] = (mode, times)
        if direction == "undo":
            self.troubled_undos.add(step)

    def silence(self, times: int) -> None:
        """Have the next look-ups get no answer."""
        provider.silent = times

    def close(self) -> None:
        """Let every frozen process end."""
        while self.processes.frozen:
            self.wake()

    def _empty(self) -> None:
        with as_owner(), connection.cursor() as cursor:
            cursor.execute(
                "TRUNCATE orchestration_saga, orchestration_outboxmessage, orchestration_inboxmessage,"
                " orchestration_queueprobe, model_effect RESTART IDENTITY CASCADE"
            )
