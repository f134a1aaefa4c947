"""One saga, run synchronously in a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Self
from uuid import UUID, uuid4

from django.db.models import F, Q
from django.utils.module_loading import autodiscover_modules

from orchestration.conf import engine_settings
from orchestration.core.definition import registry
from orchestration.core.definition.nodes import ANYBODY
from orchestration.core.definition.outcome import NotNeeded
from orchestration.core.definition.references import Message
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.planning.states import TERMINAL, SagaState
from orchestration.engine.database.connection import transaction
from orchestration.engine.flow.advance import advance
from orchestration.engine.messages.transport import use_transport
from orchestration.engine.outbox.drain import drain
from orchestration.engine.outbox.receipts import put_back_lost_events
from orchestration.engine.rows.reading import database_now
from orchestration.errors import SagaNotFound, UnknownDefinition
from orchestration.models import DeadLetter, InboxMessage, Incident, OutboxMessage, QueueProbe, Saga, SagaStep
from orchestration.services import cancel_saga, pause_saga, publish_event, resume_saga, retry_step, start_saga
from orchestration.testing.mail import Habits
from orchestration.testing.script import Script, Times, check_names, scripted
from orchestration.testing.transport import HandTransport

RESTING = {*(state.value for state in TERMINAL), SagaState.UNDO_FAILED.value, SagaState.WAITING.value}
MOST_MESSAGES = 2_000
"""A saga of a test that has not come to rest by then is going round in circles."""


def run_all(**faults: Any) -> list[SagaRun]:
    """Carry every open saga until it ends, waits or needs a person; those too that steps start meanwhile.

    Args:
        faults: `fail_at`, `reject_at`, `lose_answer_at` and `answers`, for each of them.

    Returns:
        The runs, in the order in which their sagas were started.
    """
    runs: dict[UUID, SagaRun] = {}
    for _ in range(MOST_MESSAGES):
        fresh = Saga.objects.filter(ended_at=None).exclude(id__in=runs).order_by("created_at").first()
        if fresh is None:
            return list(runs.values())
        run = SagaRun.of(
            fresh.business_key, definition=registry.find(fresh.definition, fresh.version), **faults
        )
        runs[fresh.id] = run.until_rest()
    raise AssertionError("each saga starts another one")


class SagaRun:
    """A saga under test: it starts at once and moves when you say so.

    Args:
        definition: what to run.
        input: what it is started with.
        fail_at: task names that raise an unexpected error; `{"payments.capture": 2}` only the first two times.
        reject_at: task names that raise StepRejected.
        lose_answer_at: task names that act and then lose their answer.
        answers: task name -> result, returned instead of acting.
        business_key: a new one by default.
        doubled: every message is delivered twice.
        shuffled: a seed; messages are delivered in any order.
        swapped: of every two neighbouring messages the later is delivered first.
        sweep_only: canvas is switched off; what follows the first steps of a canvas is sent by the sweep.
        wiped: the broker loses everything after each publish; what is sent again arrives.
    """

    def __init__(
        self,
        definition: SagaDefinition,
        input: Message,
        *,
        fail_at: Times = (),
        reject_at: Times = (),
        lose_answer_at: Times = (),
        answers: Mapping[str, Message | NotNeeded] | None = None,
        business_key: str | None = None,
        reference: str = "",
        doubled: bool = False,
        shuffled: int | None = None,
        swapped: bool = False,
        sweep_only: bool = False,
        wiped: bool = False,
    ) -> None:
        self._prepare(
            Script(fail_at, reject_at, lose_answer_at, answers or {}),
            Habits(doubled=doubled, shuffled=shuffled, swapped=swapped, sweep_only=sweep_only, wiped=wiped),
        )
        self._key = key = business_key or str(uuid4())
        with self._at_work(), transaction.atomic():
            self.id = start_saga(definition, input=input, business_key=key, reference=reference).id

    @classmethod
    def of(
        cls,
        key: object,
        *,
        definition: SagaDefinition | None = None,
        fail_at: Times = (),
        reject_at: Times = (),
        lose_answer_at: Times = (),
        answers: Mapping[str, Message | NotNeeded] | None = None,
    ) -> SagaRun:
        """Take over a saga that something else has started: a view under test, or a step of another saga.

        Args:
            key: its business key.
            definition: which one, where several sagas have that key.
            fail_at: as for a new one, like the others.
            reject_at: task names that raise StepRejected.
            lose_answer_at: task names that act and then lose their answer.
            answers: task name -> result, returned instead of acting.

        Raises:
            SagaNotFound: there is no such saga, or several and no definition says which.
        """
        found = list(Saga.objects.filter(business_key=str(key)))
        if definition is not None:
            found = [saga for saga in found if saga.definition == definition.name]
        if len(found) != 1:
            named = ", ".join(sorted(saga.definition for saga in found)) or "none"
            raise SagaNotFound(
                f"of the business key {str(key)!r} there is not one saga but: {named}"
                + ("; say definition=..." if found else "; was the transaction that starts it committed?")
            )
        run = cls.__new__(cls)
        run._prepare(Script(fail_at, reject_at, lose_answer_at, answers or {}), Habits())
        run.id, run._key = found[0].id, found[0].business_key
        return run

    def _prepare(self, script: Script, habits: Habits) -> None:
        self.script = script
        autodiscover_modules("tasks")  # outside a worker nobody has imported the participants yet
        check_names(script)
        self.transport = HandTransport(habits)

    @property
    def saga(self) -> Saga:
        """Its row, read afresh."""
        return Saga.objects.get(id=self.id)

    @property
    def state(self) -> str:
        """Where it stands."""
        return self.saga.state

    @property
    def milestone(self) -> str:
        """The last milestone reached."""
        return self.saga.milestone

    @property
    def done(self) -> list[str]:
        """Names of the forward steps and waits that are done, in the order they finished."""
        return self._names("forward", "done")

    @property
    def undone(self) -> list[str]:
        """Names of the steps whose undo is done, in the order they were undone."""
        return self._names("undo", "done")

    @property
    def incidents(self) -> list[Incident]:
        """What waits for a person."""
        return list(Incident.objects.filter(saga_id=self.id, resolved_at=None))

    def step(self, name: str, direction: str = "forward") -> SagaStep:
        """The newest row of a step."""
        return SagaStep.objects.filter(saga_id=self.id, name=name, direction=direction).latest("generation")

    def until_rest(self) -> Self:
        """Go on until it has ended, waits for an event, needs a person or is paused. Retries are not waited for: time skips."""
        while self.saga.paused:  # what is on its way is refused, or only written down
            if not self.carry_one():
                return self
        return self.until(lambda run: run.state in RESTING)

    def until(self, reached: Callable[[SagaRun], bool]) -> Self:
        """Go on message by message until `reached` is true and, if it rests, no message is left, nor an event that was lost.

        Raises:
            AssertionError: it never gets there.
        """
        for _ in range(MOST_MESSAGES):
            if self.carry_one():
                if self.state not in RESTING and reached(self):
                    return self
                continue
            if reached(self) and not self._awaits_its_events():
                return self
            pause = self._until_something_is_due()
            if pause is None:
                break
            self.skip(pause + 0.001)
        raise AssertionError(
            f"the saga never gets there: it is {self.state}; done {self.done}; incidents {self.incidents}"
        )

    def carry_one(self) -> bool:
        """Deliver one message. False when none is on its way."""
        with self._at_work():
            # Only its own: another run's messages belong to another run's script.
            drain(Q(saga_id=self.id) | Q(payload__key=self._key))
            return self.transport.carry_one()

    def skip(self, seconds: float) -> Self:
        """Let time pass for this saga: its clock columns move back, and the heartbeat looks at it if that is due."""
        by = timedelta(seconds=seconds)
        Saga.objects.filter(id=self.id).update(
            wake_at=F("wake_at") - by,
            deadline=F("deadline") - by,
            created_at=F("created_at") - by,
            updated_at=F("updated_at") - by,
        )
        SagaStep.objects.filter(saga_id=self.id).update(
            due_at=F("due_at") - by,
            lease_until=F("lease_until") - by,
            sent_at=F("sent_at") - by,
            started_at=F("started_at") - by,
            ended_at=F("ended_at") - by,
        )
        OutboxMessage.objects.filter(kind="event").update(
            sent_at=F("sent_at") - by, created_at=F("created_at") - by, resent_at=F("resent_at") - by
        )
        DeadLetter.objects.update(last_at=F("last_at") - by)
        OutboxMessage.objects.update(claimed_until=F("claimed_until") - by)
        QueueProbe.objects.update(asked_at=F("asked_at") - by, proven_at=F("proven_at") - by)
        self.transport.age(by)
        with self._at_work():
            put_back_lost_events()
            wake_at = self.saga.wake_at
            if wake_at is not None and wake_at <= database_now():
                advance(self.id, rescue=True)
        return self

    def send(
        self,
        event: str,
        data: dict[str, Any] | None = None,
        *,
        event_id: str | None = None,
        source: str | None = None,
    ) -> Self:
        """Publish an event to it: as the source its wait takes it from, if none is named."""
        with self._at_work(), transaction.atomic():
            publish_event(
                type=event,
                source=source or self._speaker_of(event),
                key=self.saga.business_key,
                data=data,
                event_id=event_id,
            )
        return self

    def _speaker_of(self, event: str) -> str:
        """The source from which its definition takes an event; of a definition that this code does not know, the usual one."""
        try:
            waits = registry.find(self.saga.definition, self.saga.version).waits_for(event)
        except UnknownDefinition:
            return event.partition(".")[0]
        speaker = waits[0].speaker if waits else ANYBODY
        return "test" if speaker == ANYBODY else speaker

    def cancel(self, reason: str = "asked to") -> Self:
        """Ask it to stop.

        Raises:
            TransitionRefused: it is too late.
        """
        with self._at_work():
            cancel_saga(saga_id=self.id, by="test", reason=reason)
        return self

    def pause(self, reason: str = "to be looked into") -> Self:
        """Hold it where it is."""
        with self._at_work():
            pause_saga(saga_id=self.id, by="test", reason=reason)
        return self

    def resume(self, reason: str = "looked into") -> Self:
        """Let it go on after a pause."""
        with self._at_work():
            resume_saga(saga_id=self.id, by="test", reason=reason)
        return self

    def retry(self, step: str, direction: str = "forward", reason: str = "mended") -> Self:
        """Have a step that was given up tried again."""
        with self._at_work():
            retry_step(saga_id=self.id, step=step, direction=direction, by="test", reason=reason)
        return self

    def decide(self, service: Callable[..., Saga], **arguments: Any) -> Self:
        """Have a person decide: `run.decide(skip_step, step="payments.capture", reason="written off")`."""
        with self._at_work():
            service(saga_id=self.id, **{"by": "test", "reason": "decided by hand", **arguments})
        return self

    def _until_something_is_due(self) -> float | None:
        """Seconds until the heartbeat would look at the saga, or for one of its events; None when it never would."""
        wake_at, now = self.saga.wake_at, database_now()
        pauses = [] if wake_at is None else [max((wake_at - now).total_seconds(), 0.0)]
        own = OutboxMessage.objects.filter(payload__key=self._key, set_aside_at=None)
        if own.filter(sent_at=None).exists():
            pauses.append(1.0)  # the broker refused one, and its next try comes soon
        if self._awaits_its_events():
            pauses.append(engine_settings().RESEND_AFTER_SECONDS)
        return min(pauses, default=None)

    def _awaits_its_events(self) -> bool:
        """Whether an event for it was sent and has not arrived: lost with the broker, it is sent again in time."""
        sent = OutboxMessage.objects.filter(
            kind="event", payload__key=self._key, sent_at__isnull=False, received_at=None, set_aside_at=None
        )
        under_way = {
            (envelope["source"], envelope["id"]) for envelope in sent.values_list("payload", flat=True)
        }
        arrived = InboxMessage.objects.filter(key=self._key).values_list("source", "event_id")
        return bool(under_way - set(arrived))

    def _names(self, direction: str, state: str) -> list[str]:
        rows = SagaStep.objects.filter(saga_id=self.id, direction=direction, state=state)
        return list(rows.order_by("done_seq").values_list("name", flat=True))

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        with use_transport(self.transport), scripted(self.script):
            yield
