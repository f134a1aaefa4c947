"""Carrying out a plan: rows under the saga's lock first, then messages. Called by whoever knocks.

Guarantee: may be called any number of times, by anyone, at any moment. A second call finds the heads of the canvas
pending and just sent, and sends nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from orchestration.conf import engine_settings
from orchestration.core import registry
from orchestration.core.canvas import Canvas, heads
from orchestration.core.decisions import (
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
from orchestration.core.definition import SagaDefinition
from orchestration.core.plan import plan
from orchestration.core.states import TERMINAL, Direction, SagaState, StepState
from orchestration.engine.failures import begin_undo
from orchestration.engine.history import move, note
from orchestration.engine.incidents import open_incident, resolve_incidents
from orchestration.engine.locks import lock_saga
from orchestration.engine.reading import database_now, newest_rows, view_of
from orchestration.engine.transport import Address, transport
from orchestration.engine.waits import ignore_parked, open_wait
from orchestration.errors import UnknownDefinition
from orchestration.models import Incident, Saga, SagaStep


def advance(saga_id: UUID, *, rescue: bool = False) -> None:
    """Ask what is next for a saga, write it down, and send it.

    Opens a transaction and locks the saga row; sends after it has committed.

    Args:
        saga_id: which saga.
        rescue: called because nothing was heard of it for too long; counted, and the next rescue comes later.

    Raises:
        SagaNotFound: there is no such saga.
        SendFailed: rows are written, the broker took nothing; the heartbeat sends again.
    """
    with transaction.atomic():
        saga = lock_saga(saga_id)
        if SagaState(saga.state) in TERMINAL:
            return
        try:
            definition = registry.find(saga.definition, saga.version)
        except UnknownDefinition as error:
            open_incident(saga, "unknown_definition", message=str(error))
            Saga.objects.filter(id=saga_id).update(wake_at=Now() + timedelta(minutes=1))
            return
        if rescue:
            resolve_incidents(
                saga, kind="unknown_definition", by="engine", resolution="The definition is known again."
            )
        decided = _Round(saga, definition, rescue).run()
        address = Address(saga.id, saga.epoch, saga.reference, definition)
    if isinstance(decided, Send):
        for canvas in decided.canvases:
            transport().send_canvas(address, canvas)
    elif isinstance(decided, Settle):
        for step in decided.steps:
            transport().send_settle(address, step)


class _Round:
    """One locked saga, asked again and again until the answer changes no more rows."""

    def __init__(self, saga: Saga, definition: SagaDefinition, rescue: bool) -> None:
        self.saga, self.definition, self.rescue = saga, definition, rescue
        self.now = database_now()
        self.resend_after = timedelta(
            seconds=engine_settings().RESEND_AFTER_SECONDS * 2 ** min(saga.rescues, 6)
        )

    def run(self) -> Plan:
        # Each round but the last settles something for good, so their number is bounded by the nodes.
        for _ in range(3 * len(list(self.definition.walk())) + 5):
            view = view_of(self.saga, self.definition, newest_rows(self.saga))
            decided = plan(self.definition, view, self.now, resend_after=self.resend_after)
            if self._carry_out(decided):
                self.saga.updated_at = Now()
                self.saga.save()
                return decided
        raise AssertionError(f"saga {self.saga.id} never comes to rest; the planning core has a cycle")

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
                open_wait(self.saga, wait, self.now)
            case BeginUndo(kind, step):
                self._begin_undo(kind, step)
            case SettleAbsent(steps):
                for step in steps:
                    note(self.saga, "outcome_settled", step=step, direction="forward", outcome="absent")
                    gone = self._rows(step).filter(lease_until__lte=self.now)
                    gone.update(
                        state="absent",
                        unsure=False,
                        token=F("token") + 1,
                        lease_until=None,
                        done_seq=self.saga.last_seq,
                    )
            case Escalate(step, kind):
                self._escalate(step, kind)
                return True
            case Finish(state):
                self._finish(state)
                return True
        return False

    def _send(self, canvases: tuple[Canvas, ...], until: datetime | None) -> None:
        rescued = False
        for call in (call for canvas in canvases for call in heads(canvas)):
            rows = SagaStep.objects.filter(saga=self.saga, name=call.step, direction=call.direction.value)
            newest = rows.order_by("-generation").first()
            lost_message = self.rescue if newest is None else _was_lost(newest)
            rescued = rescued or lost_message
            if newest is None:
                SagaStep.objects.create(
                    saga=self.saga,
                    name=call.step,
                    direction=call.direction.value,
                    sent_at=self.now,
                    state="pending",
                    task=str(self.definition.reference(call.step, call.direction.value)),
                )
                continue
            if newest.state == StepState.PENDING.value and newest.sent_at is not None:
                note(self.saga, "sent_again", step=call.step, direction=call.direction.value)
            lost = newest.state == StepState.RUNNING.value
            if lost:
                note(
                    self.saga,
                    "lease_expired",
                    step=call.step,
                    direction=call.direction.value,
                    deliveries=newest.deliveries,
                )
            acted = newest.state == StepState.UNKNOWN.value or (
                lost and self.definition.reference(call.step, call.direction.value).is_external
            )
            # Recovery never runs a step: it makes it due again, and the ordinary claim admits one. The token rises,
            # so a worker that was only slow is fenced off from here on.
            newest.state, newest.token = StepState.PENDING.value, newest.token + 1
            newest.unsure = newest.unsure or acted
            newest.lease_until, newest.due_at, newest.sent_at = None, None, self.now
            newest.save()
        if rescued:
            self.saga.rescues += 1
        expected = self.now + self.resend_after
        self.saga.wake_at = min(expected, until) if until is not None else expected
        if self.saga.state == SagaState.WAITING.value:
            move(self.saga, SagaState.RUNNING, "resumed")

    def _rest(self, until: datetime | None, waiting: bool) -> None:
        self.saga.wake_at = until
        if waiting and self.saga.state in (SagaState.RUNNING.value, SagaState.ACCEPTED.value):
            move(self.saga, SagaState.WAITING, "waiting_begun")

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

    def _escalate(self, step: str, kind: str) -> None:
        row = (
            SagaStep.objects.filter(saga=self.saga, name=step)
            .exclude(state="done")
            .order_by("-generation")
            .first()
        )
        if kind == "event_timeout" and row is not None:
            row.unsure = True
            row.save(update_fields=["unsure"])
        message = (row.error or {}).get("message", "") if row is not None else ""
        if not Incident.objects.filter(saga=self.saga, kind=kind, step=step, resolved_at=None).exists():
            open_incident(self.saga, kind, step=step, message=message or f"{step} has not come in time")
            note(self.saga, "escalated", step=step, reason=kind)
        self.saga.wake_at = None

    def _finish(self, state: SagaState) -> None:
        if state is SagaState.UNDO_FAILED:
            for row in SagaStep.objects.filter(
                Q(state="failed") | Q(state="rejected"), saga=self.saga, direction="undo"
            ):
                open_incident(
                    self.saga, "undo_failed", step=row.name, message=(row.error or {}).get("message", "")
                )
            self.saga.wake_at = None
        else:
            ignore_parked(self.saga, self.definition)
        move(self.saga, state, {SagaState.UNDO_FAILED: "undo_failed"}.get(state, "ended"))

    def _rows(self, step: str) -> QuerySet[SagaStep]:
        newest = SagaStep.objects.filter(saga=self.saga, name=step, direction=Direction.FORWARD.value)
        last = newest.order_by("-generation").values("id")[:1]
        return newest.filter(id__in=last)


def _was_lost(row: SagaStep) -> bool:
    """Whether a row that is sent again had been sent or claimed before: its message or its worker is gone."""
    return row.state == StepState.RUNNING.value or (
        row.state == StepState.PENDING.value and row.sent_at is not None
    )
