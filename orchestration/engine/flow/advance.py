"""Carrying out a plan: rows under the saga's lock first, then messages. Called by whoever knocks.

Guarantee: may be called any number of times, by anyone, at any moment. A second call finds the heads of the canvas
pending and just sent, and sends nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from orchestration.conf import engine_settings
from orchestration.core.definition import registry
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.planning.canvas import Canvas
from orchestration.core.planning.decisions import (
    BeginUndo,
    Escalate,
    Finish,
    OpenWait,
    Plan,
    Rest,
    Send,
    Settle,
    SettleAbsent,
)
from orchestration.core.planning.kinds import HistoryKind, IncidentKind
from orchestration.core.planning.plan import plan
from orchestration.core.planning.states import FORWARD_STATES, TERMINAL, Direction, SagaState, StepState
from orchestration.crash.points import CrashPoint, reach
from orchestration.engine.database.conflicts import again_after_conflict
from orchestration.engine.database.connection import transaction
from orchestration.engine.flow.dispatch import is_undispatched
from orchestration.engine.flow.due import make_due, perhaps_at_work, perhaps_under_way, take_back
from orchestration.engine.flow.misdated import correct
from orchestration.engine.flow.waits import ignore_undelivered, open_wait, take_in
from orchestration.engine.incidents.opening import is_open, open_incident, resolve_incidents
from orchestration.engine.messages.probes import MOST_DOUBLINGS, ask
from orchestration.engine.messages.transport import Address, transport
from orchestration.engine.rows.drift import drift
from orchestration.engine.rows.history import move, note
from orchestration.engine.rows.locks import lock_saga
from orchestration.engine.rows.reading import database_now, newest_rows, view_of
from orchestration.engine.rows.steps import move_step
from orchestration.engine.rows.turning import begin_undo
from orchestration.engine.steps.late import close_mended
from orchestration.errors import SendFailed, UnknownDefinition
from orchestration.models import Saga, SagaStep

LOOK_AGAIN = timedelta(seconds=60)
"""When a saga whose message may still lie in a queue is looked at even though no probe has been answered."""

_RELAYED_BY = timedelta(seconds=10)
"""When a saga is looked at again whose first message still lies in the outbox."""


def advance(saga_id: UUID, *, rescue: bool = False) -> None:
    """Ask what is next for a saga, write it down, and send it.

    Opens a transaction and locks the saga row; sends after it has committed.

    Args:
        saga_id: which saga.
        rescue: called because nothing was heard of it for too long; counted, and the next rescue comes later.

    Raises:
        SagaNotFound: there is no such saga.
        SendFailed: the broker did not take it; the rows say so, and whoever asks next sends at once.
    """
    written = _write_down(saga_id, rescue)
    if written is None:
        return
    asked, decided = written
    saga = asked.saga
    address = Address(saga.id, saga.epoch, saga.reference, asked.definition)
    for queue in asked.silent_queues:
        ask(queue)
    if rescue:
        reach(CrashPoint.DUE_COMMITTING, about=[saga.id], committed=True)
    if isinstance(decided, Send | Settle):
        reach(CrashPoint.NEXT_DECIDED, about=[saga.id], direction=_way(saga))
    if isinstance(decided, Send):
        try:
            for canvas in decided.canvases:
                transport().send_canvas(address, canvas)
        except SendFailed:
            take_back(saga_id, decided.canvases, now=asked.now)
            raise
    elif isinstance(decided, Settle):
        for step in decided.steps:
            transport().send_settle(address, step)


@again_after_conflict
def _write_down(saga_id: UUID, rescue: bool) -> tuple[_Round, Plan] | None:
    """Plan and write the answer, in one transaction. None when nothing is to be sent, whatever the answer."""
    with transaction.atomic():
        saga = lock_saga(saga_id)
        had_ended = SagaState(saga.state) in TERMINAL
        if had_ended and saga.wake_at is None:
            return None  # only a late effect gives an ended saga something to do
        try:
            definition = registry.find(saga.definition, saga.version)
        except UnknownDefinition as error:
            open_incident(saga, IncidentKind.UNKNOWN_DEFINITION, message=str(error))
            Saga.objects.filter(id=saga_id).update(wake_at=Now() + timedelta(minutes=1))
            return None
        if rescue and is_undispatched(saga):
            Saga.objects.filter(id=saga_id).update(wake_at=Now() + _RELAYED_BY)
            return None  # nothing is lost: the relays send it as soon as the broker takes it
        if rescue:
            take_in(saga, definition)
        asked = _Round(saga, definition, rescue)
        if rescue:
            asked.correct()
        decided = asked.run()
        if rescue:
            resolve_incidents(
                saga,
                kind=(IncidentKind.UNKNOWN_DEFINITION, IncidentKind.CANNOT_PLAN),
                by="engine",
                resolution="It can be planned again.",
            )
        if had_ended:
            close_mended(saga)
        if rescue:
            reach(CrashPoint.DUE_COMMITTING, about=[saga.id])
    return asked, decided


class _Round:
    """One locked saga, asked again and again until the answer changes no more rows."""

    def __init__(self, saga: Saga, definition: SagaDefinition, rescue: bool) -> None:
        self.saga, self.definition, self.rescue = saga, definition, rescue
        self.now = database_now()
        self._doubted = timedelta(seconds=drift.rests_for())
        """For so long no time is over: the clock has jumped."""
        self._rows_read: dict[tuple[str, Direction], SagaStep] | None = None
        self.silent_queues: set[str] = set()
        """Queues that may still hold a message of this saga; a probe is to tell."""
        self.resend_after = timedelta(
            seconds=engine_settings().RESEND_AFTER_SECONDS * 2 ** min(saga.rescues, MOST_DOUBLINGS)
        )

    def correct(self) -> None:
        """Compute anew what a clock that was wrong has dated. While it is in doubt which time was right, nothing is."""
        if not self._doubted:
            correct(self.saga, self._newest_rows(), self.definition, self.now)

    def run(self) -> Plan:
        # Each round but the last settles something for good, so their number is bounded by the nodes.
        for _ in range(3 * len(list(self.definition.walk())) + 5):
            view = view_of(self.saga, self.definition, self._newest_rows())
            if self._doubted:
                view = view.with_nothing_over_before(self.now + self._doubted, self.definition.waits)
            decided = plan(self.definition, view, self.now, resend_after=self.resend_after)
            if isinstance(decided, Send) and (awaited := self._awaited(decided.canvases)):
                view = replace(view, awaited=awaited)
                decided = plan(self.definition, view, self.now, resend_after=self.resend_after)
            if self._carry_out(decided):
                self.saga.updated_at = Now()
                self.saga.awaits_queue = min(self.silent_queues, default="")
                self.saga.save()
                return decided
        raise AssertionError(f"saga {self.saga.id} never comes to rest; the planning core has a cycle")

    def _newest_rows(self) -> dict[tuple[str, Direction], SagaStep]:
        """Read once, under the lock, until this round changes one itself."""
        if self._rows_read is None:
            self._rows_read = newest_rows(self.saga)
        return self._rows_read

    def _latest_known(self) -> datetime:
        """The present moment; or what a row says, for a wait that begins while the clock is behind would end too early."""
        ended = [row.ended_at for row in self._newest_rows().values() if row.ended_at is not None]
        return max(self.now, self.saga.created_at, *ended)

    def _awaited(self, canvases: tuple[Canvas, ...]) -> dict[tuple[str, Direction], datetime]:
        """Steps that would be sent again although their message may lie in its queue or be with a worker, and when to look again."""
        rows = self._newest_rows()
        at_work = perhaps_at_work(self.saga, rows, self.definition, canvases) if self.rescue else {}
        unproven = perhaps_under_way(self.saga, rows, self.definition, canvases, rescue=self.rescue)
        self.silent_queues = set(unproven.values())
        awaited = {step: until for step, until in at_work.items() if until > self.now}
        return awaited | dict.fromkeys(unproven, self.now + LOOK_AGAIN)

    def _carry_out(self, decided: Plan) -> bool:
        """Write a decision down. True when it ends the round."""
        match decided:
            case Send(canvases, until):
                self._send(canvases, until)
                return True
            case Settle():
                self.saga.wake_at = self.now + self.resend_after
                return True
            case Rest(until, waiting):
                self._rest(until, waiting)
                return True
            case OpenWait(wait):
                open_wait(self.saga, wait, self._latest_known())
                self._rows_read = None
            case BeginUndo(kind, step):
                self._rows_read = None
                self._begin_undo(kind, step)
            case SettleAbsent(steps):
                self._rows_read = None
                for step in steps:
                    note(
                        self.saga,
                        HistoryKind.OUTCOME_SETTLED,
                        step=step,
                        direction="forward",
                        outcome="absent",
                    )
                    for row in self._rows(step).filter(lease_until__lte=self.now).select_for_update():
                        move_step(self.saga, row, StepState.ABSENT, fence=True)
                        row.unsure = False
                        row.save()
            case Escalate(step, kind):
                self._escalate(step, kind)
                return True
            case Finish(state):
                self._finish(state)
                return True
        return False

    def _send(self, canvases: tuple[Canvas, ...], until: datetime | None) -> None:
        rows = self._newest_rows()
        rescued = make_due(self.saga, rows, self.definition, canvases, rescue=self.rescue, now=self.now)
        if rescued:
            self.saga.rescues += 1
        expected = self.now + self.resend_after
        self.saga.wake_at = min(expected, until) if until is not None else expected
        if self.saga.state == SagaState.WAITING.value:
            move(self.saga, SagaState.RUNNING, HistoryKind.RESUMED)

    def _rest(self, until: datetime | None, waiting: bool) -> None:
        self.saga.wake_at = until
        if waiting and self.saga.state in (SagaState.RUNNING.value, SagaState.ACCEPTED.value):
            move(self.saga, SagaState.WAITING, HistoryKind.WAITING_BEGUN)

    def _begin_undo(self, kind: str, step: str | None) -> None:
        error = {
            "code": kind,
            "message": {
                "deadline": "The saga's deadline has passed.",
                "event_timeout": f"The event {step} did not come in time.",
            }.get(kind, ""),
        }
        if kind == "step_failed" and step is not None:
            row = self._rows(step).get()
            error = row.error or error
            kind = "rejected" if row.state == StepState.REJECTED.value else "exhausted"
        begin_undo(self.saga, kind=kind, step=step, error=error)
        reach(CrashPoint.TIMER_FIRED, about=[self.saga.id], step=step or "")

    def _escalate(self, step: str, kind: IncidentKind) -> None:
        row = (
            SagaStep.objects.filter(saga=self.saga, name=step)
            .exclude(state="done")
            .order_by("-generation")
            .first()
        )
        if kind is IncidentKind.EVENT_TIMEOUT and row is not None:
            row.unsure = True
            row.save(update_fields=["unsure"])
        message = (row.error or {}).get("message", "") if row is not None else ""
        if not is_open(self.saga, kind, step=step):
            open_incident(self.saga, kind, step=step, message=message or f"{step} has not come in time")
            note(self.saga, HistoryKind.ESCALATED, step=step, reason=kind.value)
            reach(CrashPoint.TIMER_FIRED, about=[self.saga.id], step=step)
        self.saga.wake_at = None

    def _finish(self, state: SagaState) -> None:
        if state is SagaState.UNDO_FAILED:
            for row in SagaStep.objects.filter(
                Q(state="failed") | Q(state="rejected"), saga=self.saga, direction="undo"
            ):
                open_incident(
                    self.saga,
                    IncidentKind.UNDO_FAILED,
                    step=row.name,
                    message=(row.error or {}).get("message", ""),
                )
            self.saga.wake_at = None
        else:
            if self.definition.waits:
                ignore_undelivered(self.saga)
        move(self.saga, state, {SagaState.UNDO_FAILED: HistoryKind.UNDO_FAILED}.get(state, HistoryKind.ENDED))

    def _rows(self, step: str) -> QuerySet[SagaStep]:
        newest = SagaStep.objects.filter(saga=self.saga, name=step, direction=Direction.FORWARD.value)
        last = newest.order_by("-generation").values("id")[:1]
        return newest.filter(id__in=last)


def _way(saga: Saga) -> Direction:
    return Direction.FORWARD if SagaState(saga.state) in FORWARD_STATES else Direction.UNDO
